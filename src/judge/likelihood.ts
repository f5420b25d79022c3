// The likelihood scorer: how much likelier an interaction becomes when the profile is known (docs/method.md §5). It
// needs no instruction following, so any causal language model can judge, also a tiny one.
import { z } from 'zod'
import type { LanguageModel, ScoreRequest, TokenIds } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { checkFits } from './budget.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { matrixJudge, type Pair } from './matrix.ts'
import { likelihoodPrefix, UNCONDITIONAL_PREFIX } from './prompts.ts'
import { type Scorer, scorerFields } from './scorer.ts'
import type { Judge, JudgeOptions } from './types.ts'

const config = z.strictObject({ scorer: z.literal('likelihood'), ...scorerFields })
type Config = z.infer<typeof config>

export const likelihood = {
  config,
  name: () => 'likelihood',
  open: likelihoodJudge,
} satisfies Scorer<typeof config>

/**
 * score(profile, interaction) = [log p(interaction | profile) − log p(interaction)] / tokens(interaction), in nats per
 * token. The space that ends a prefix is moved to the interaction, so that both sides are tokenised as in running text.
 */
function likelihoodJudge(model: LanguageModel, config: Config, store: ScoreStore): Judge {
  const { tokenizer } = model
  const prefixTokens = (text: string): TokenIds => [
    ...(tokenizer.bosToken === undefined ? [] : [tokenizer.bosToken]),
    ...tokenizer.encode(text.trimEnd()),
  ]
  const profilePrefix = (profile: string) =>
    prefixTokens(likelihoodPrefix(cutText(tokenizer, profile, config.maxProfileTokens)))
  // Both prefixes end in a colon: the interaction is tokenised behind one, as it stands in running text.
  const colon = tokenizer.encode(':')
  const interactionTokens = (interaction: string): TokenIds => {
    const joined = tokenizer.encode(`: ${interaction.trim()}`)
    const clean = colon.every((token, i) => joined[i] === token)
    const own = clean ? joined.slice(colon.length) : tokenizer.encode(` ${interaction.trim()}`)
    return own.slice(0, config.maxInteractionTokens)
  }

  const baselineKey = (interaction: string) =>
    scoreKey('likelihood baseline', model.info.digest, config.maxInteractionTokens, interaction)

  const score = async (pairs: readonly Pair[], { signal, onProgress }: JudgeOptions) => {
    const interactions = [...new Set(pairs.map((pair) => pair.interaction))]
    const continuations = new Map(interactions.map((interaction) => [interaction, interactionTokens(interaction)]))
    const byProfile = new Map<string, string[]>()
    for (const { profile, interaction } of pairs) {
      const row = byProfile.get(profile)
      if (row) row.push(interaction)
      else byProfile.set(profile, [interaction])
    }
    const requestOf = (prefix: TokenIds, texts: readonly string[]): ScoreRequest => ({
      prefix,
      continuations: texts.map((text) => continuations.get(text) ?? []),
    })
    const baseline = new Map<string, number>()
    for (const interaction of interactions) {
      const known = store.get(baselineKey(interaction))
      if (known) baseline.set(interaction, known[0])
    }
    const unknown = interactions.filter((interaction) => !baseline.has(interaction))
    const requests = [
      ...(unknown.length > 0 ? [requestOf(prefixTokens(UNCONDITIONAL_PREFIX), unknown)] : []),
      ...[...byProfile].map(([profile, texts]) => requestOf(profilePrefix(profile), texts)),
    ]
    let tokens = 0
    for (const request of requests) {
      const lengths = request.continuations.map((continuation) => continuation.length)
      checkFits(model, request.prefix.length + Math.max(...lengths))
      tokens += request.prefix.length + lengths.reduce((sum, length) => sum + length, 0)
    }
    const answers = await model.score(requests, { weights: 'base', signal, onProgress })
    for (const [i, interaction] of unknown.entries()) {
      const total = sum(answers[0][i])
      baseline.set(interaction, total)
      store.set(baselineKey(interaction), [total])
    }
    const rows = new Map<string, Map<string, number>>()
    let row = requests.length - byProfile.size
    for (const [profile, texts] of byProfile) {
      const logprobs = answers[row++]
      rows.set(
        profile,
        new Map(
          texts.map((text, i) => [text, (sum(logprobs[i]) - (baseline.get(text) ?? Number.NaN)) / logprobs[i].length]),
        ),
      )
    }
    const scores = pairs.map(({ profile, interaction }) => rows.get(profile)?.get(interaction) ?? Number.NaN)
    return { scores, tokens }
  }
  return matrixJudge(model, config, likelihood.name(), score, store)
}

function sum(values: Float32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
