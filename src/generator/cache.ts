// The cache of `bump profile`: one profile per user, keyed by user, generator and history (docs/method.md §9), as
// JSONL. Each profile is appended as soon as it is known, so that an interrupted command goes on where it stopped.
import { z } from 'zod'
import type { Interaction } from '../logs/types.ts'
import { sha256 } from '../util/files.ts'
import { JsonlCache } from '../util/jsonl-cache.ts'

export const entrySchema = z.object({
  user: z.string(),
  profile: z.string(),
  /** Digest of everything that decides the generator's answer. */
  generator: z.string(),
  /** Digest of the history (and the previous profile) that the profile was written from. */
  history: z.string(),
  /** Tokens sampled for the profile. */
  tokens: z.number(),
  /** ISO time. */
  createdAt: z.string(),
})

/** One line of the cache. */
export type CachedProfile = z.infer<typeof entrySchema>

/** Digest of a history: texts and times in their order, and the profile that is rewritten, where there is one. */
export function historyDigest(history: readonly Interaction[], previous?: string): string {
  const entries = history.map(({ text, time }) => [text, time ?? null])
  return sha256(JSON.stringify(previous === undefined ? entries : { entries, previous })).slice(0, 16)
}

/** The cache file at `path`, which need not exist. Throws BumpError that names a line which is no cache entry. */
export function openProfileCache(path: string): JsonlCache<CachedProfile> {
  return new JsonlCache(path, {
    parse: (value) => entrySchema.safeParse(value).data,
    key: ({ user, generator, history }) => profileKey(user, generator, history),
    damaged: (at) => `${at} is no line of a profile cache. Name another file, or move this one away.`,
  })
}

/** What a profile is found by. */
export function profileKey(user: string, generator: string, history: string): string {
  return JSON.stringify([user, generator, history])
}
