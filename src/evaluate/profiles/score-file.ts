// Judged scores on disk, by content: an interrupted evaluation goes on where it stopped, and a second one with other
// conditions or pool sizes judges only what is new. The keys hold the judge's model, scorer and budgets (judge/cache.ts).
import { appendFileSync } from 'node:fs'
import type { ScoreStore } from '../../judge/cache.ts'
import { openJsonLines } from '../../util/json-lines.ts'

/** A JSONL file of `[key, score, …]` that is read once and appended to. */
export class ScoreFile implements ScoreStore {
  private readonly scores = new Map<string, readonly number[]>()

  /**
   * Opens `path`, which need not exist. A last line without its newline (an interrupted write) is cut off; any other
   * line that holds no scores is a BumpError that names it.
   */
  constructor(private readonly path: string) {
    const damaged = (where: string) => `${where} holds no scores: the file was changed. Remove it to judge anew.`
    for (const { key, scores } of openJsonLines(path, scoresOf, damaged)) this.scores.set(key, scores)
  }

  get(key: string): readonly number[] | undefined {
    return this.scores.get(key)
  }

  /** Keeps the scores and appends them to the file. */
  set(key: string, scores: readonly number[]): void {
    this.scores.set(key, scores)
    appendFileSync(this.path, `${JSON.stringify([key, ...scores])}\n`)
  }
}

function scoresOf(value: unknown): { key: string; scores: number[] } | undefined {
  if (!Array.isArray(value) || value.length < 2) return undefined
  const [key, ...scores] = value as unknown[]
  const valid = typeof key === 'string' && scores.every((score) => typeof score === 'number')
  return valid ? { key, scores: scores as number[] } : undefined
}
