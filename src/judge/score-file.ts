// Judged scores on disk, by content: an interrupted evaluation goes on where it stopped, and a second one with other
// conditions or pool sizes judges only what is new. The keys hold the judge's model, scorer and budgets (cache.ts).
// Also a server's answers to a judge (model/openai/served.ts).
import { JsonlCache } from '../util/jsonl-cache.ts'
import type { ScoreStore } from './cache.ts'

interface Entry {
  key: string
  scores: readonly number[]
}

/** A JSONL file of `[key, score, …]`. */
export class ScoreFile implements ScoreStore {
  private readonly entries: JsonlCache<Entry>

  /** Opens `path`, which need not exist. Throws BumpError (`file-unusable`) that names a line that holds no scores. */
  constructor(path: string) {
    this.entries = new JsonlCache<Entry>(path, {
      parse: entryOf,
      key: ({ key }) => key,
      line: ({ key, scores }) => [key, ...scores],
      damaged: (at) => `${at} holds no scores: the file was changed. Remove it to judge anew.`,
    })
  }

  get(key: string): readonly number[] | undefined {
    return this.entries.get(key)?.scores
  }

  /** Keeps the scores and appends them to the file. */
  set(key: string, scores: readonly number[]): void {
    this.entries.add({ key, scores })
  }
}

/** A score file that is opened when it is first needed: by then its folder is there, and held by this process. */
export function lazyScoreFile(path: string): ScoreStore {
  let file: ScoreFile | undefined
  const opened = () => {
    file ??= new ScoreFile(path)
    return file
  }
  return { get: (key) => opened().get(key), set: (key, scores) => opened().set(key, scores) }
}

function entryOf(value: unknown): Entry | undefined {
  if (!Array.isArray(value) || value.length < 2) return undefined
  const [key, ...scores] = value as unknown[]
  const valid = typeof key === 'string' && scores.every((score) => typeof score === 'number')
  return valid ? { key, scores: scores as number[] } : undefined
}
