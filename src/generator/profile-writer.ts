// What writes profiles of many users, whoever provides the model.
import type { LanguageModel } from '../model/contract.ts'
import type { TextModel } from '../model/text-model.ts'
import type { BumpError } from '../util/errors.ts'
import { isTextModel, type ProfileModel, promptOf, type SingleProfile, singleProfiles } from './generate.ts'
import { askedAtOnce, type GeneratorSettings, type ProfiledUser, profileSeed } from './profile-users.ts'

/** Writes profiles. Equal users in equal company get equal profiles. */
export interface ProfileWriter {
  /** Users whom it is given in one call; where the call does not come to its end, all of them are given again. */
  readonly usersAtOnce: number
  /** The profiles of the users in their order. `onProgress`: share of the work that is done. */
  write(
    users: readonly ProfiledUser[],
    options: { signal?: AbortSignal; onProgress?: (share: number) => void },
  ): Promise<SingleProfile[]>
}

/** Profiles that decode together: more gain nothing (docs/performance.md, decoding). */
const BATCH = 32
/** Batches in one call. The more, the less do the prompts of a batch differ in length, and the more is lost by a kill. */
const BATCHES_AT_ONCE = 4

/**
 * Writes by a model. `onUnanswered` is called for a user of whom a server gives no profile, who then has none; without
 * it, that ends the call.
 */
export function profileWriter(
  model: ProfileModel,
  settings: GeneratorSettings,
  onUnanswered?: (userId: string, why: BumpError) => void,
): ProfileWriter {
  return isTextModel(model) ? askingWriter(model, settings, onUnanswered) : batchedWriter(model, settings)
}

/** Users with prompts of similar length together. */
function batchedWriter(model: LanguageModel, settings: GeneratorSettings): ProfileWriter {
  return {
    usersAtOnce: BATCH * BATCHES_AT_ONCE,
    async write(users, { signal, onProgress }) {
      const lengths = users.map((user) => promptOf(user, model.tokenizer, settings).tokens.length)
      const order = [...users.keys()].sort((a, b) => lengths[a] - lengths[b])
      const written = new Array<SingleProfile>(users.length)
      for (let start = 0; start < order.length; start += BATCH) {
        const batch = order.slice(start, start + BATCH)
        const profiles = await singleProfiles(
          model,
          batch.map((u) => users[u]),
          {
            ...settings,
            seed: profileSeed(settings.seed),
            signal,
            onProgress: (tokens) => onProgress?.((start + tokens / settings.maxTokens) / users.length),
          },
        )
        for (const [i, profile] of profiles.entries()) written[batch[i]] = profile
      }
      return written
    },
  }
}

function askingWriter(
  model: TextModel,
  settings: GeneratorSettings,
  onUnanswered?: (userId: string, why: BumpError) => void,
): ProfileWriter {
  return {
    usersAtOnce: askedAtOnce(model.concurrency),
    write: async (users, { signal, onProgress }) =>
      await singleProfiles(model, users, {
        ...settings,
        seed: profileSeed(settings.seed),
        signal,
        onUnanswered,
        onProgress: (tokens) => onProgress?.(tokens / settings.maxTokens / users.length),
      }),
  }
}
