// One cached profile for every user: the work of `bump profile`, and of evaluations that need many users' profiles.

import type { Interaction } from '../logs/types.ts'
import type { WeightSet } from '../model/contract.ts'
import type { BumpError } from '../util/errors.ts'
import { sha256 } from '../util/files.ts'
import type { JsonlCache } from '../util/jsonl-cache.ts'
import { seedFrom } from '../util/random.ts'
import { type CachedProfile, historyDigest, openProfileCache, profileKey } from './cache.ts'
import { isTextModel, type ProfileModel, singleProfiles } from './generate.ts'
import type { PromptBudget } from './history.ts'

/** Settings that, with the weights, decide what profile a history gets. */
export interface GeneratorSettings {
  prompt: PromptBudget
  maxTokens: number
  /** 0 is greedy. */
  temperature: number
  seed: number
}

/** A user with the whole history that the profile is written from, oldest first. */
export interface ProfiledUser {
  id: string
  history: readonly Interaction[]
  /** The profile so far, where it is rewritten by `history`, which is then what is new. */
  previous?: string
}

export interface FillOptions {
  settings: GeneratorSettings
  /** Digest of the weights in use: the base model's, and the trained adapter's where there is one. */
  weights: string
  /** Which weights of the model write the profiles; default 'policy'. */
  weightSet?: WeightSet
  signal?: AbortSignal
  /** Called now and then with the users done so far, about, and how many of them the file already had. */
  onProgress?: (done: number, cached: number) => void
  /** Called for a user of whom a server gave no profile, who then has no entry; without it, that ends the call. */
  onUnanswered?: (userId: string, why: BumpError) => void
}

export interface ProfileUsersOptions extends FillOptions {
  /** Path of the JSONL file. */
  out: string
}

/** Users whose profiles are sampled in one call. */
const USERS_AT_ONCE = 16
/** Requests of a call that a server answers one after the other: the more, the less it waits at the end of a call. */
const ROUNDS = 16

/** Users whose profiles are asked for in one call of a model on a server. */
export const askedAtOnce = (concurrency = 1): number => Math.max(128, ROUNDS * concurrency)

/** Digest of a generator: same weights and settings, same digest. */
export function generatorDigest(weights: string, settings: GeneratorSettings): string {
  const { prompt, maxTokens, temperature, seed } = settings
  const { system, instruction, historyTokens, interactionTokens, redact } = prompt
  const decides = [weights, system, instruction, historyTokens, interactionTokens, maxTokens, temperature, seed]
  if (redact) decides.push('redact')
  return sha256(JSON.stringify(decides)).slice(0, 16)
}

/** Seeds of a user's one profile; independent of which users are profiled beside. */
export function profileSeeds(seed: number): (userId: string) => number[] {
  return (userId) => [profileSeed(seed)(userId)]
}

/** The same seed alone. */
export const profileSeed =
  (seed: number) =>
  (userId: string): number =>
    seedFrom(seed, 'profile', userId)

/**
 * Profiles that the cache lacks for this generator and history are sampled and appended batch by batch. Returns each
 * user's entry, in the order of `users`, but of those of whom a server gave none, and how many were there before.
 */
export async function fillProfileCache(
  model: ProfileModel,
  users: AsyncIterable<ProfiledUser> | Iterable<ProfiledUser>,
  cache: JsonlCache<CachedProfile>,
  options: FillOptions,
): Promise<{ entries: CachedProfile[]; cached: number }> {
  const { settings, signal } = options
  const generator = generatorDigest(options.weights, settings)
  const order: { user: string; history: string }[] = []
  let cached = 0
  let done = 0
  let missing: (ProfiledUser & { digest: string })[] = []
  const atOnce = isTextModel(model) ? askedAtOnce(model.concurrency) : USERS_AT_ONCE
  const flush = async (): Promise<void> => {
    const written = await singleProfiles(model, missing, {
      prompt: settings.prompt,
      maxTokens: settings.maxTokens,
      temperature: settings.temperature,
      seed: profileSeed(settings.seed),
      weights: options.weightSet,
      signal,
      onUnanswered: options.onUnanswered,
      onProgress: (tokens) => options.onProgress?.(done + cached + Math.floor(tokens / settings.maxTokens), cached),
    })
    for (const [i, { user, profile, tokens }] of written.entries())
      if (profile !== undefined)
        cache.add({
          user,
          profile,
          generator,
          history: missing[i].digest,
          tokens: tokens.profile,
          createdAt: new Date().toISOString(),
        })
    done += missing.length
    missing = []
    options.onProgress?.(done + cached, cached)
  }
  for await (const { id, history, previous } of users) {
    const digest = historyDigest(history, previous)
    order.push({ user: id, history: digest })
    if (cache.get(profileKey(id, generator, digest))) cached++
    else missing.push({ id, history, previous, digest })
    if (missing.length === atOnce) await flush()
  }
  if (missing.length > 0) await flush()
  const entries = order.flatMap(({ user, history }) => cache.get(profileKey(user, generator, history)) ?? [])
  return { entries, cached }
}

/**
 * Writes one profile per user to `out` and returns their number. Profiles that the file already holds for this
 * generator and history are kept; the rest are sampled and appended batch by batch. When all are there, the file is put
 * in the order of `users`: each has one line, older ones leave. `others`: so many users of earlier calls follow, with
 * the last profile that each got.
 */
export async function profileUsers(
  model: ProfileModel,
  users: AsyncIterable<ProfiledUser> | Iterable<ProfiledUser>,
  options: ProfileUsersOptions,
): Promise<{ users: number; cached: number; others: number }> {
  const cache = openProfileCache(options.out)
  const { entries, cached } = await fillProfileCache(model, users, cache, options)
  const own = new Set(entries.map(({ user }) => user))
  const last = new Map(cache.all().map((entry) => [entry.user, entry]))
  const others = [...last.values()].filter(({ user }) => !own.has(user))
  cache.replace([...entries, ...others])
  return { users: entries.length, cached, others: others.length }
}
