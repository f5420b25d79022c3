// Labelled texts of this folder: one a line, `locale|text`, with {{kind|…}} around what is to be found.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Labelled {
  locale: string
  text: string
  /** Where something stands that is to be found. */
  spans: { kind: string; start: number; end: number }[]
}

/** The lines of a file of `data/` without its comments. */
export function dataLines(name: string): string[] {
  const path = fileURLToPath(new URL(`data/${name}`, import.meta.url))
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

export function labelledTexts(name: string): Labelled[] {
  return dataLines(name).map((line) => {
    const bar = line.indexOf('|')
    const spans: Labelled['spans'] = []
    let text = ''
    let done = bar + 1
    for (const { index, 0: whole, 1: kind, 2: inner } of line.matchAll(/\{\{([a-z]+)\|(.+?)\}\}/g)) {
      text += line.slice(done, index)
      spans.push({ kind, start: text.length, end: text.length + inner.length })
      text += inner
      done = index + whole.length
    }
    return { locale: line.slice(0, bar), text: text + line.slice(done), spans }
  })
}
