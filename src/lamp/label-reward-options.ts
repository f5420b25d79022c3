// The label reward as train() takes a reward of one's own: its options, the questions that it asks and the model that
// answers. A configuration names it by `reward.name: labels`.
import { z } from 'zod'
import { textModel } from '../model/text-from-tokens.ts'
import type { CustomReward } from '../reward/custom.ts'
import { fixedLayer, resolveLayers } from '../train/config-layers.ts'
import { BumpError } from '../util/errors.ts'
import { type LabelRewardConfig, labelRewardOn } from './label-reward.ts'
import { readLamp } from './read.ts'
import { LAMP_TASKS, type LampSplit } from './types.ts'

const labelRewardOptionsSchema = z.strictObject({
  /** Number of the LaMP task. */
  task: z.literal(LAMP_TASKS),
  /** Folder with the questions and golds of the task. */
  data: z.string().min(1),
  /**
   * The model that answers: a Hugging Face folder, a .gguf file or a hub name; default: the frozen base of the policy.
   */
  backbone: z.string().min(1).optional(),
  /** Tokens that a question with the profile may have; longer profiles are cut. */
  budget: z.int().min(16).default(512),
  /** Questions asked of each user; where there are more, as many are drawn once. */
  maxQuestions: z.int().min(1).default(2),
})

type LabelRewardOptions = z.infer<typeof labelRewardOptionsSchema>

/** The options with their defaults. Throws BumpError (`invalid-options`) with every problem. */
export function resolveLabelOptions(given: Record<string, unknown>): LabelRewardOptions {
  const schema = z.object({ reward: z.object({ options: labelRewardOptionsSchema }) })
  const layer = fixedLayer({ reward: { options: given } }, '--reward labels')
  return resolveLayers(schema, [layer]).reward.options
}

/**
 * The metric of a LaMP task as the reward, the prior work's way (docs/method.md §10). Throws BumpError where the
 * options are wrong; `create` throws it where the task's files cannot be used, or users have no question.
 */
export function labelReward(given: Record<string, unknown>): CustomReward {
  const options = resolveLabelOptions(given)
  const { task, data } = options
  return {
    name: 'labels',
    options,
    async create({ config: guards, users, model, splitSeed, note, open }) {
      const questions = readLamp(data, { task, split: 'train' })
      const asked = new Set(questions.questions.map(({ user }) => user))
      // Test users from logs of their own are those of the development split, where the folder has it.
      const known = users.test.some(({ id }) => asked.has(id))
      const backbone = options.backbone === undefined ? model : await open(options.backbone)
      const config: LabelRewardConfig = { ...guards, ...options }
      return labelRewardOn({
        config,
        questions,
        testQuestions: known ? questions : developmentQuestions(options, note),
        backbone: textModel(backbone, { weights: 'base', identity: backbone.info.digest }),
        users,
        seed: splitSeed,
      })
    },
  }
}

function developmentQuestions({ data, task }: LabelRewardOptions, note: (text: string) => void): LampSplit | undefined {
  try {
    return readLamp(data, { task, split: 'dev' })
  } catch (error) {
    if (!(error instanceof BumpError)) throw error
    note(`the test measures NDCG only, not the task: ${error.message}`)
    return undefined
  }
}
