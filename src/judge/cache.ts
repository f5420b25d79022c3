// Scores by content: what was judged once need not be judged again.
import { sha256 } from '../util/files.ts'

/** Key of a score: every part that it depends on, hashed so that long texts cost no memory. */
export function scoreKey(...parts: readonly (string | number)[]): string {
  return sha256(JSON.stringify(parts))
}

/** Where a judge keeps the scores of a pair (one number) or of a pool (one number a candidate), by `scoreKey`. */
export interface ScoreStore {
  get(key: string): readonly number[] | undefined
  set(key: string, scores: readonly number[]): void
}

/** At most `entries` values; least recently used ones are dropped. With 0 entries it keeps nothing. */
export class ScoreCache implements ScoreStore {
  private readonly values = new Map<string, readonly number[]>()

  constructor(private readonly entries: number) {}

  get size(): number {
    return this.values.size
  }

  get(key: string): readonly number[] | undefined {
    const value = this.values.get(key)
    if (value === undefined) return undefined
    this.values.delete(key)
    this.values.set(key, value)
    return value
  }

  set(key: string, value: readonly number[]): void {
    if (this.entries === 0) return
    this.values.delete(key)
    this.values.set(key, value)
    if (this.values.size > this.entries) {
      const oldest = this.values.keys().next()
      if (!oldest.done) this.values.delete(oldest.value)
    }
  }
}
