// What a scorer is: one way for a frozen language model, or a sentence encoder, to judge. Each is a file of its own
// beside this one, and a line in the table of config.ts.
import { z } from 'zod'
import type { LanguageModel } from '../model/contract.ts'
import { isEncoder, type JudgeModel } from '../model/encoder.ts'
import { isServed, type ServedModel } from '../model/served.ts'
import type { ScoreStore } from './cache.ts'
import type { Judge } from './types.ts'

/** Options that every scorer has. */
export const scorerFields = {
  model: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Another model as the judge: a Hugging Face folder, a .gguf file or a hub name; default: the generator's frozen base. Of the embedding scorer a sentence encoder, which must be named.",
    ),
  maxProfileTokens: z
    .int()
    .min(1)
    .default(256)
    .describe('Longer profiles are cut to this many tokens before the judge reads them.'),
  maxInteractionTokens: z
    .int()
    .min(1)
    .default(64)
    .describe('Longer interactions are cut to this many tokens before the judge reads them.'),
}

/** Options of a scorer that reads with a language model, here or on a server. */
export const languageModelFields = {
  ...scorerFields,
  server: z
    .string()
    .min(1)
    .optional()
    .describe(
      'In place of `model`: the name of a model on the server that judges. Its address is no part of a configuration: the command names it by --judge-server, a program by `judgeServer`.',
    ),
}

/** Whether options name at most one model: `schema.refine(readsOne, ONE_READER)`. */
export const readsOne = ({ model, server }: { model?: string; server?: string }): boolean =>
  model === undefined || server === undefined

export const ONE_READER = {
  path: ['server'],
  error: 'the judge reads with one model: name it by model, or by server',
}

/** The options of any scorer, as far as all have them. */
export interface ScorerConfig {
  scorer: string
  maxProfileTokens: number
  maxInteractionTokens: number
}

/** A scorer: its options with their defaults, and how it judges. `Model`: what it reads with. */
export interface Scorer<
  Schema extends z.ZodType<ScorerConfig>,
  Model extends JudgeModel = LanguageModel | ServedModel,
> {
  /** `scorer` is a literal: what `judge.scorer` of a configuration calls it. */
  config: Schema
  /** As results call it, with the options that tell its variants apart. */
  name(config: z.infer<Schema>): string
  /**
   * A judge over the frozen base weights of `model` that keeps its scores in `store`. Throws BumpError
   * (`judge-unusable`) where it cannot score with this model.
   */
  open(model: Model, config: z.infer<Schema>, store: ScoreStore): Judge
}

/** What config.json records of a judge: its options, and the model that reads. */
export function describeJudge(config: ScorerConfig, model: JudgeModel): Record<string, unknown> {
  if (isEncoder(model) || isServed(model)) return { ...config, ...model.info }
  const { name, digest, parameters, trainableParameters } = model.info
  return { ...config, name, digest, parameters, trainableParameters }
}
