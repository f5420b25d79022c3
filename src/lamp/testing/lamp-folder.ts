// Small made-up LaMP sets in temporary folders, and a token measure that tests can count by hand.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenMeasure } from '../prompts.ts'
import type { LampSplit } from '../types.ts'

/** One token a character. */
export const CHARACTERS: TokenMeasure = {
  countTokens: (text) => text.length,
  cut: (text, limit) => text.slice(0, limit),
}

/** A question of LaMP-5 as its file has it. */
export function paperQuestion(id: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    input: `Generate a title for the following abstract of a paper: We study ${id}.`,
    profile: [
      { id: `${id}0`, title: 'On rivers', abstract: 'Rivers flow.' },
      { id: `${id}1`, title: 'On hills', abstract: 'Hills stay.' },
    ],
    ...over,
  }
}

/** A folder with the given files; values that are no text are written as JSON. */
export function folderOf(files: Record<string, unknown>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bump-lamp-'))
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, typeof content === 'string' || content instanceof Buffer ? content : JSON.stringify(content))
  }
  return folder
}

/** A split in memory: `users[i]` asked question i, and `golds[i]` is its answer. */
export function splitOf(
  task: LampSplit['task'],
  golds: readonly string[],
  users: readonly string[] = golds.map((_, i) => `u${i}`),
): LampSplit {
  return {
    task,
    variant: task === 2 ? 'LaMP-2M' : `LaMP-${task}`,
    file: 'dev_questions.json',
    questions: golds.map((_, i) => ({ id: `q${i}`, user: users[i], input: 'input: text', items: [] })),
    golds,
    rebuilt: false,
  }
}
