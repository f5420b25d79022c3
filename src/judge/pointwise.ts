// The pointwise scorer: the log-odds of yes against no for one pair of profile and interaction (docs/method.md §5).
import { z } from 'zod'
import type { ChatMessage, LanguageModel } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { isServed, type ServedAnswers, type ServedModel } from '../model/served.ts'
import { BumpError } from '../util/errors.ts'
import { checkFits } from './budget.ts'
import type { ScoreStore } from './cache.ts'
import { matrixJudge, type PairScorer } from './matrix.ts'
import { POINTWISE_ANSWERS, pointwisePrompt } from './prompts.ts'
import { languageModelFields, ONE_READER, readsOne, type Scorer } from './scorer.ts'
import type { Judge, JudgeOptions } from './types.ts'

const config = z.strictObject({ scorer: z.literal('pointwise'), ...languageModelFields }).refine(readsOne, ONE_READER)
type Config = z.infer<typeof config>

export const pointwise = { config, name: () => 'pointwise', open: pointwiseJudge } satisfies Scorer<typeof config>

/** score(profile, interaction) = logit(Yes) − logit(No) as the first token of the answer; one prompt a pair. */
function pointwiseJudge(model: LanguageModel | ServedModel, config: Config, store: ScoreStore): Judge {
  const ask = yesOrNo(model)
  const score: PairScorer = async (pairs, options) => {
    const cut = new Map<string, string>()
    const truncated = (text: string, maxTokens: number) => {
      const key = `${maxTokens} ${text}`
      const done = cut.get(key) ?? cutText(model.tokenizer, text, maxTokens)
      cut.set(key, done)
      return done
    }
    const prompts = pairs.map(({ profile, interaction }) =>
      pointwisePrompt(truncated(profile, config.maxProfileTokens), truncated(interaction, config.maxInteractionTokens)),
    )
    const { answers, tokens } = await ask(prompts, options)
    return { scores: answers.map(([yes, no]) => yes - no), tokens }
  }
  return matrixJudge(model, config, pointwise.name(), score, store)
}

/** [prompt][answer] how likely each of `POINTWISE_ANSWERS` is, up to what is the same for both. */
type Ask = (prompts: readonly ChatMessage[][], options: JudgeOptions) => Promise<ServedAnswers<Iterable<number>>>

/** How a model is asked yes or no. Throws BumpError (`judge-unusable`) where its tokens do not tell the two apart. */
export function yesOrNo(model: LanguageModel | ServedModel): Ask {
  return isServed(model)
    ? (prompts, options) => model.labelLogprobs(prompts, POINTWISE_ANSWERS, options)
    : byTokens(model)
}

function byTokens(model: LanguageModel): Ask {
  const { tokenizer } = model
  const answers = POINTWISE_ANSWERS.map((answer) => tokenizer.encode(answer)[0])
  if (answers[0] === answers[1])
    throw new BumpError(
      'judge-unusable',
      `the tokenizer of ${model.info.name} begins ${POINTWISE_ANSWERS.join(' and ')} with the same token, ` +
        'so the pointwise scorer cannot compare them: use the likelihood scorer',
    )
  return async (messages, { signal, onProgress }) => {
    const prompts = messages.map((each) => tokenizer.chat(each))
    let tokens = 0
    for (const prompt of prompts) {
      checkFits(model, prompt.length + 1)
      tokens += prompt.length
    }
    return { answers: await model.labelLogits(prompts, answers, { weights: 'base', signal, onProgress }), tokens }
  }
}
