// The cache of `bump profile`: one profile per user, keyed by user, generator and history (docs/method.md §9), as JSONL. Each
// profile is appended as soon as it is known, so that an interrupted command goes on where it stopped.
import { appendFileSync } from 'node:fs'
import { z } from 'zod'
import type { Interaction } from '../logs/types.ts'
import { sha256, writeFileAtomic } from '../util/files.ts'
import { openJsonLines } from '../util/json-lines.ts'

const entrySchema = z.object({
  user: z.string(),
  profile: z.string(),
  /** Digest of everything that decides the generator's answer. */
  generator: z.string(),
  /** Digest of the history that the profile was written from. */
  history: z.string(),
  /** Tokens sampled for the profile. */
  tokens: z.number(),
  /** ISO time. */
  createdAt: z.string(),
})

/** One line of the cache. */
export type CachedProfile = z.infer<typeof entrySchema>

/** Digest of a history: texts and times in their order. */
export function historyDigest(history: readonly Interaction[]): string {
  return sha256(JSON.stringify(history.map(({ text, time }) => [text, time ?? null]))).slice(0, 16)
}

/** A profile file that is read once and appended to. */
export class ProfileCache {
  private readonly entries = new Map<string, CachedProfile>()

  /**
   * Opens `path`, which need not exist. A last line without its newline (an interrupted write) is cut off; any other
   * line that is no cache entry is a BumpError that names it.
   */
  constructor(private readonly path: string) {
    const damaged = (where: string) =>
      `${where} is no line of a profile cache. Name another file with --out, or move this one away.`
    for (const entry of openJsonLines(path, (value) => entrySchema.safeParse(value).data, damaged))
      this.entries.set(key(entry.user, entry.generator, entry.history), entry)
  }

  get(user: string, generator: string, history: string): CachedProfile | undefined {
    return this.entries.get(key(user, generator, history))
  }

  /** Appends one profile to the file. */
  add(entry: CachedProfile): void {
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`)
    this.entries.set(key(entry.user, entry.generator, entry.history), entry)
  }

  /**
   * Leaves exactly these entries in the file, in this order: one profile per user, without those of older generators
   * and histories.
   */
  replace(entries: readonly CachedProfile[]): void {
    writeFileAtomic(this.path, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  }
}

function key(user: string, generator: string, history: string): string {
  return JSON.stringify([user, generator, history])
}
