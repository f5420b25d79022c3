// One cached profile for every user: the work of `bump profile`.
import type { LanguageModel } from '../llm/contract.ts'
import type { Interaction } from '../logs/types.ts'
import { sha256 } from '../util/files.ts'
import { seedFrom } from '../util/random.ts'
import { type CachedProfile, historyDigest, ProfileCache } from './cache.ts'
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

export interface ProfileUsersOptions {
  settings: GeneratorSettings
  /** Digest of the weights in use: the base model's, and the trained adapter's where there is one. */
  weights: string
  /** Path of the JSONL file. */
  out: string
  signal?: AbortSignal
  /** Called after each batch with the users done so far. */
  onProgress?: (done: number, cached: number) => void
}

/** Users whose profiles are sampled in one call. */
const USERS_AT_ONCE = 16

/** Digest of a generator: same weights and settings, same digest. */
export function generatorDigest(weights: string, settings: GeneratorSettings): string {
  const { prompt, maxTokens, temperature, seed } = settings
  const decides = [weights, prompt.historyTokens, prompt.interactionTokens, maxTokens, temperature, seed]
  return sha256(JSON.stringify(decides)).slice(0, 16)
}

/** Seeds of a user's one profile; independent of which users are profiled beside. */
export function profileSeeds(seed: number): (userId: string) => number[] {
  return (userId) => [seedFrom(seed, 'profile', userId)]
}

/**
 * Writes one profile per user to `out` and returns them in the order of `users`. Profiles that the file already holds
 * for this generator and history are kept; the rest are sampled and appended batch by batch. When all are there, those
 * of other generators and histories are removed from the file.
 */
export async function profileUsers(
  model: LanguageModel,
  users: readonly { id: string; history: readonly Interaction[] }[],
  options: ProfileUsersOptions,
): Promise<CachedProfile[]> {
  const { settings, signal } = options
  const generator = generatorDigest(options.weights, settings)
  const cache = new ProfileCache(options.out)
  const found = (user: (typeof users)[number]): CachedProfile | undefined =>
    cache.get(user.id, generator, historyDigest(user.history))
  const missing = users.filter((user) => !found(user))
  const cached = users.length - missing.length
  options.onProgress?.(cached, cached)
  for (let start = 0; start < missing.length; start += USERS_AT_ONCE) {
    const batch = missing.slice(start, start + USERS_AT_ONCE)
    const generated = await generateProfiles(model, batch, {
      prompt: settings.prompt,
      maxTokens: settings.maxTokens,
      temperature: settings.temperature,
      seeds: profileSeeds(settings.seed),
      signal,
    })
    for (const [i, { user, profiles, completions }] of generated.entries())
      cache.add({
        user,
        profile: profiles[0],
        generator,
        history: historyDigest(batch[i].history),
        tokens: completions[0].tokens.length,
        createdAt: new Date().toISOString(),
      })
    options.onProgress?.(cached + start + batch.length, cached)
  }
  const entries = users.map((user) => found(user)!)
  cache.replace(entries)
  return entries
}
