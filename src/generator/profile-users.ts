// One cached profile for every user: the work of `bump profile`, and of evaluations that need many users' profiles.

import type { Interaction } from '../logs/types.ts'
import type { LanguageModel, WeightSet } from '../model/contract.ts'
import { sha256 } from '../util/files.ts'
import type { JsonlCache } from '../util/jsonl-cache.ts'
import { seedFrom } from '../util/random.ts'
import { type CachedProfile, historyDigest, openProfileCache, profileKey } from './cache.ts'
import { generateProfiles } from './generate.ts'
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
}

export interface ProfileUsersOptions extends FillOptions {
  /** Path of the JSONL file. */
  out: string
}

/** Users whose profiles are sampled in one call. */
const USERS_AT_ONCE = 16

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
  return (userId) => [seedFrom(seed, 'profile', userId)]
}

/**
 * Profiles that the cache lacks for this generator and history are sampled and appended batch by batch. Returns each
 * user's entry, in the order of `users`, and how many were there before.
 */
export async function fillProfileCache(
  model: LanguageModel,
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
  const flush = async (): Promise<void> => {
    const generated = await generateProfiles(model, missing, {
      prompt: settings.prompt,
      maxTokens: settings.maxTokens,
      temperature: settings.temperature,
      seeds: profileSeeds(settings.seed),
      weights: options.weightSet,
      signal,
      onProgress: (tokens) => options.onProgress?.(done + cached + Math.floor(tokens / settings.maxTokens), cached),
    })
    for (const [i, { user, profiles, completions }] of generated.entries())
      cache.add({
        user,
        profile: profiles[0],
        generator,
        history: missing[i].digest,
        tokens: completions[0].tokens.length,
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
    if (missing.length === USERS_AT_ONCE) await flush()
  }
  if (missing.length > 0) await flush()
  return { entries: order.map(({ user, history }) => cache.get(profileKey(user, generator, history))!), cached }
}

/**
 * Writes one profile per user to `out` and returns their number. Profiles that the file already holds for this
 * generator and history are kept; the rest are sampled and appended batch by batch. When all are there, the file is put
 * in the order of `users`: each has one line, older ones leave. `others`: so many users of earlier calls follow, with
 * the last profile that each got.
 */
export async function profileUsers(
  model: LanguageModel,
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
