// The pointwise scorer: the log-odds of yes against no for one pair of profile and interaction (docs/method.md §5).
import { z } from 'zod'
import type { LanguageModel } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { BumpError } from '../util/errors.ts'
import { checkFits } from './budget.ts'
import type { ScoreStore } from './cache.ts'
import { matrixJudge, type Pair } from './matrix.ts'
import { POINTWISE_ANSWERS, pointwisePrompt } from './prompts.ts'
import { type Scorer, scorerFields } from './scorer.ts'
import type { Judge, JudgeOptions } from './types.ts'

const config = z.strictObject({ scorer: z.literal('pointwise'), ...scorerFields })
type Config = z.infer<typeof config>

export const pointwise = { config, name: () => 'pointwise', open: pointwiseJudge } satisfies Scorer<typeof config>

/** score(profile, interaction) = logit(Yes) − logit(No) as the first token of the answer; one prompt a pair. */
function pointwiseJudge(model: LanguageModel, config: Config, store: ScoreStore): Judge {
  const { tokenizer } = model
  const answers = POINTWISE_ANSWERS.map((answer) => tokenizer.encode(answer)[0])
  if (answers[0] === answers[1])
    throw new BumpError(
      'judge-unusable',
      `the tokenizer of ${model.info.name} begins ${POINTWISE_ANSWERS.join(' and ')} with the same token, ` +
        'so the pointwise scorer cannot compare them: use the likelihood scorer',
    )
  const score = async (pairs: readonly Pair[], { signal, onProgress }: JudgeOptions) => {
    const cut = new Map<string, string>()
    const truncated = (text: string, maxTokens: number) => {
      const key = `${maxTokens} ${text}`
      const done = cut.get(key) ?? cutText(tokenizer, text, maxTokens)
      cut.set(key, done)
      return done
    }
    const prompts = pairs.map(({ profile, interaction }) =>
      tokenizer.chat(
        pointwisePrompt(
          truncated(profile, config.maxProfileTokens),
          truncated(interaction, config.maxInteractionTokens),
        ),
      ),
    )
    let tokens = 0
    for (const prompt of prompts) {
      checkFits(model, prompt.length + 1)
      tokens += prompt.length
    }
    const logits = await model.labelLogits(prompts, answers, { weights: 'base', signal, onProgress })
    return { scores: logits.map(([yes, no]) => yes - no), tokens }
  }
  return matrixJudge(model, config, pointwise.name(), score, store)
}
