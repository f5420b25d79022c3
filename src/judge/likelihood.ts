// The likelihood scorer: how much likelier an interaction becomes when the profile is known (docs/method.md §5). It
// needs no instruction following, so any causal language model can judge, also a tiny one.
import { z } from 'zod'
import type { LanguageModel, ScoreRequest, TokenIds } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { type ContinuationRequest, isServed, type ServedModel } from '../model/served.ts'
import { checkFits } from './budget.ts'
import { type ScoreStore, scoreKey } from './cache.ts'
import { matrixJudge, type PairScorer } from './matrix.ts'
import { likelihoodPrefix, UNCONDITIONAL_PREFIX } from './prompts.ts'
import { languageModelFields, ONE_READER, readsOne, type Scorer } from './scorer.ts'
import type { Judge } from './types.ts'

const config = z.strictObject({ scorer: z.literal('likelihood'), ...languageModelFields }).refine(readsOne, ONE_READER)
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
function likelihoodJudge(model: LanguageModel | ServedModel, config: Config, store: ScoreStore): Judge {
  const score = isServed(model) ? byText(model, config) : byTokens(model, config, store)
  return matrixJudge(model, config, likelihood.name(), score, store)
}

function byTokens(model: LanguageModel, config: Config, store: ScoreStore): PairScorer {
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

  return async (pairs, { signal, onProgress }) => {
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
}

/** The same over a server, which tokenises each text with its prefix as a whole. */
function byText(model: ServedModel, { maxProfileTokens, maxInteractionTokens }: Config): PairScorer {
  // The server's own tokens are what `maxTokens` counts; of the text, more than these may be is left out here.
  const request = (prefix: string, interaction: string): ContinuationRequest => ({
    prefix: prefix.trimEnd(),
    continuation: ` ${cutText(model.tokenizer, interaction.trim(), 2 * maxInteractionTokens)}`,
    maxTokens: maxInteractionTokens,
  })
  return async (pairs, options) => {
    const interactions = [...new Set(pairs.map(({ interaction }) => interaction))]
    const requests = [
      ...interactions.map((interaction) => request(UNCONDITIONAL_PREFIX, interaction)),
      ...pairs.map(({ profile, interaction }) =>
        request(likelihoodPrefix(cutText(model.tokenizer, profile, maxProfileTokens)), interaction),
      ),
    ]
    const { answers, tokens } = await model.continuationLogprobs(requests, options)
    const baseline = new Map(interactions.map((interaction, i) => [interaction, answers[i].logprob]))
    const conditional = answers.slice(interactions.length)
    const scores = pairs.map(
      ({ interaction }, i) => (conditional[i].logprob - baseline.get(interaction)!) / conditional[i].tokens,
    )
    return { scores, tokens }
  }
}

function sum(values: Float32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
