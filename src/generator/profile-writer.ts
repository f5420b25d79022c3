// What writes profiles of many users, whoever provides the model; here by an embedded one.
import type { LanguageModel } from '../model/contract.ts'
import { generateProfiles, promptOf } from './generate.ts'
import { type GeneratorSettings, type ProfiledUser, profileSeeds } from './profile-users.ts'

/** Writes profiles. Equal users in equal company get equal profiles. */
export interface ProfileWriter {
  /** Users whom it is given in one call; where the call does not come to its end, all of them are given again. */
  readonly usersAtOnce: number
  /** The profiles of the users in their order, with their tokens. `onProgress`: share of the work that is done. */
  write(
    users: readonly ProfiledUser[],
    options: { signal?: AbortSignal; onProgress?: (share: number) => void },
  ): Promise<{ profile: string; tokens: number }[]>
}

/** Profiles that decode together: more gain nothing (docs/performance.md, decoding). */
const BATCH = 32
/** Batches in one call. The more, the less do the prompts of a batch differ in length, and the more is lost by a kill. */
const BATCHES_AT_ONCE = 4

/** Writes by a model on this machine, users with prompts of similar length together. */
export function batchedWriter(model: LanguageModel, settings: GeneratorSettings): ProfileWriter {
  return {
    usersAtOnce: BATCH * BATCHES_AT_ONCE,
    async write(users, { signal, onProgress }) {
      const lengths = users.map((user) => promptOf(user, model.tokenizer, settings).tokens.length)
      const order = [...users.keys()].sort((a, b) => lengths[a] - lengths[b])
      const written = new Array<{ profile: string; tokens: number }>(users.length)
      for (let start = 0; start < order.length; start += BATCH) {
        const batch = order.slice(start, start + BATCH)
        const generated = await generateProfiles(
          model,
          batch.map((u) => users[u]),
          {
            ...settings,
            seeds: profileSeeds(settings.seed),
            signal,
            onProgress: (tokens) => onProgress?.((start + tokens / settings.maxTokens) / users.length),
          },
        )
        for (const [i, { profiles, completions }] of generated.entries())
          written[batch[i]] = { profile: profiles[0], tokens: completions[0].tokens.length }
      }
      return written
    },
  }
}
