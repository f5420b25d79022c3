// The profiles that an evaluation compares, written once and kept: one JSONL cache per generator in a folder, so that
// an interrupted evaluation goes on where it stopped and several evaluations share their profiles.
import { join } from 'node:path'
import { openProfileCache } from '../generator/cache.ts'
import {
  fillProfileCache,
  type GeneratorSettings,
  generatorDigest,
  type ProfiledUser,
} from '../generator/profile-users.ts'
import type { LanguageModel, WeightSet } from '../model/contract.ts'

export interface CachedProfilesOptions {
  settings: GeneratorSettings
  /** 'base' writes zero-shot profiles, 'policy' those of the weights now loaded. */
  weights: WeightSet
  /** Digest of these weights: with the settings it names the cache. */
  digest: string
  /** Folder of the caches, `<generator>.jsonl`. */
  folder: string
  signal?: AbortSignal
  /** Called after each batch with the users done so far (those that the cache had included), and how many there are. */
  onProgress?: (done: number, total: number) => void
}

/**
 * [user] the profile: from the cache where generator and history are the same, else sampled and
 * appended. Profiles of other users stay in the cache. Throws BumpError where the cache is damaged or a prompt does not
 * fit the model, CancelledError where `signal` aborts (what was sampled by then is kept).
 */
export async function cachedProfiles(
  model: LanguageModel,
  users: readonly ProfiledUser[],
  options: CachedProfilesOptions,
): Promise<string[]> {
  const { settings, weights, digest, folder, signal, onProgress } = options
  const cache = openProfileCache(join(folder, `${generatorDigest(digest, settings)}.jsonl`))
  const { entries } = await fillProfileCache(model, users, cache, {
    settings,
    weights: digest,
    weightSet: weights,
    signal,
    onProgress: onProgress && ((done) => onProgress(done, users.length)),
  })
  return entries.map(({ profile }) => profile)
}
