// What writes the profiles of all periods: a generator on this machine, or a model on a server that is asked the
// generator's prompt. Either keeps what it wrote by content.
import { join } from 'node:path'
import { openProfileCache } from '../../generator/cache.ts'
import type { Generator } from '../../generator/open.ts'
import { fillProfileCache, type GeneratorSettings, type ProfiledUser } from '../../generator/profile-users.ts'
import { AnswerCache } from '../../model/answers.ts'
import type { Tokenizer } from '../../model/contract.ts'
import { estimatingTokenizer } from '../../model/openai/estimate.ts'
import type { TextModel } from '../../model/text-model.ts'
import type { TrainConfig } from '../../train/config.ts'
import { LEFT_OUT, serverProfiles } from '../profiles/server-profiles.ts'

/** Profiles of some users. */
interface WrittenProfiles {
  /** [user]; undefined where a server gave none. */
  profiles: (string | undefined)[]
  /** [user] tokens of the profile. */
  tokens: number[]
  /** How many of them were there from an earlier call. */
  cached: number
  /** What must be known to read them. */
  notes: string[]
}

export interface PeriodWriter {
  /** What it is, as result.json records it. */
  record: Record<string, string>
  settings: GeneratorSettings
  /** Counts the tokens of prompts. */
  tokenizer: Tokenizer
  /** Writes profiles; `onProgress` is told how many are done. */
  write(users: readonly ProfiledUser[], onProgress: (done: number) => void): Promise<WrittenProfiles>
}

/** A generator on this machine; profiles are kept in `folder`. */
export function generatorWriter(generator: Generator, folder: string, signal?: AbortSignal): PeriodWriter {
  const { model, settings, weights, digest } = generator
  const cache = openProfileCache(join(folder, 'profiles', `${digest}.jsonl`))
  return {
    record: { model: model.info.name, digest },
    settings,
    tokenizer: model.tokenizer,
    async write(users, onProgress) {
      const { entries, cached } = await fillProfileCache(model, users, cache, { settings, weights, signal, onProgress })
      const profiles = entries.map(({ profile }) => profile)
      return { profiles, tokens: entries.map(({ tokens }) => tokens), cached, notes: [] }
    },
  }
}

/** A model on a server, greedily; its answers are kept in `folder`. Tokens are estimated. */
export function serverWriter(
  model: TextModel,
  { prompt, profile: { maxTokens }, seed }: Pick<TrainConfig, 'prompt' | 'profile' | 'seed'>,
  folder: string,
  signal?: AbortSignal,
): PeriodWriter {
  const cache = new AnswerCache(join(folder, 'server-answers.jsonl'))
  const tokenizer = estimatingTokenizer()
  return {
    record: { model: model.name },
    settings: { prompt, maxTokens, temperature: 0, seed },
    tokenizer,
    async write(users, onProgress) {
      const options = { tokenizer, prompt, maxTokens, cache, signal, onProgress }
      const { profiles, cached, notes, lacking } = await serverProfiles(model, users, options)
      const tokens = profiles.map((profile = '') => tokenizer.encode(profile).length)
      return { profiles, tokens, cached, notes: lacking === undefined ? notes : [...notes, `${lacking} ${LEFT_OUT}`] }
    },
  }
}
