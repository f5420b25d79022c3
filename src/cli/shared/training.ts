// What every command that trains a profile generator does around the loop: users loaded, models opened and closed, the
// reward made where it is not the default one.
import { labelReward } from '../../lamp/label-reward.ts'
import { readLamp } from '../../lamp/read.ts'
import type { LampSplit } from '../../lamp/types.ts'
import { loadUsers } from '../../logs/load.ts'
import type { UserSplit } from '../../logs/types.ts'
import type { LanguageModel } from '../../model/contract.ts'
import { openModel } from '../../model/onnx/open.ts'
import { textModel } from '../../model/text-from-tokens.ts'
import type { LabelRewardConfig } from '../../reward/config.ts'
import type { RewardFunction } from '../../reward/reward.ts'
import { packageInfo } from '../../run/package-info.ts'
import type { TrainConfig } from '../../train/config.ts'
import { type TrainOptions, type TrainResult, train } from '../../train/grpo.ts'
import { BumpError } from '../../util/errors.ts'
import { seedFrom } from '../../util/random.ts'
import type { TrainingFlags } from './engine-flags.ts'
import { reportLines } from './log-flags.ts'

type Say = (line: string) => void

/** The users of a run: from one log, or with the test's users from logs of their own. */
export async function loadSplit(config: TrainConfig, say: Say): Promise<UserSplit> {
  const { testPaths, ...source } = config.logs
  const { split, report } = await loadUsers(source, testPaths ? { ...config.split, test: 0 } : config.split)
  for (const line of reportLines(report)) say(line)
  if (!testPaths) return split
  const tested = await loadUsers({ ...source, paths: testPaths }, { ...config.split, validation: 0, test: 0 })
  for (const line of reportLines(tested.report)) say(`test: ${line}`)
  const known = new Set([...split.train, ...split.validation].map(({ id }) => id))
  const both = tested.split.train.filter(({ id }) => known.has(id)).map(({ id }) => id)
  if (both.length > 0)
    throw new BumpError(
      'invalid-options',
      `${both.length} users stand in the logs of training and in those of the test (${both.slice(0, 5).join(', ')}): the test would not measure unseen people. Take them out of one.`,
    )
  return { ...split, test: tested.split.train }
}

/** How many users each part has, as a line. */
export function splitLine({ train, validation, test }: UserSplit): string {
  return `${train.length} users to train on, ${validation.length} for validation, ${test.length} for the test`
}

export type TrainRunOptions = Pick<TrainOptions, 'folder' | 'resume' | 'signal' | 'onEvent' | 'baseline'> & {
  engine: TrainingFlags
  /** Lines about opening models. */
  say: Say
  /** Called when the models are open. */
  onOpened?: () => void
}

/** Opens the models that the configuration names, trains, and closes them. Throws what train() throws. */
export async function trainRun(config: TrainConfig, users: UserSplit, options: TrainRunOptions): Promise<TrainResult> {
  const { engine, say, onOpened, ...rest } = options
  const { memory, ...shared } = engine
  const opened: LanguageModel[] = []
  const open = async (where: string, more: Parameters<typeof openModel>[1] = {}): Promise<LanguageModel> => {
    const model = await openModel(where, { ...shared, quantize: config.quantize, onProgress: say, ...more })
    opened.push(model)
    return model
  }
  try {
    const seed = seedFrom(config.seed, 'trainable')
    const trainable = config.trainable.type === 'lora' ? { ...config.trainable, seed } : config.trainable
    const model = await open(config.model, { trainable, memory })
    const judgeModel = config.judge.model === undefined ? undefined : await open(config.judge.model)
    const reward =
      config.reward.type === 'labels'
        ? await openLabelReward(config, config.reward, users, model, open, say)
        : undefined
    onOpened?.()
    return await train({ ...rest, config, model, judgeModel, reward, users, package: packageInfo() })
  } finally {
    for (const model of opened) await model.close()
  }
}

async function openLabelReward(
  config: TrainConfig,
  reward: LabelRewardConfig,
  users: UserSplit,
  policy: LanguageModel,
  open: (where: string) => Promise<LanguageModel>,
  say: Say,
): Promise<RewardFunction> {
  const questions = readLamp(reward.data, { task: reward.task, split: 'train' })
  const backbone = reward.backbone === undefined ? policy : await open(reward.backbone)
  return labelReward({
    config: reward,
    questions,
    testQuestions: config.logs.testPaths ? developmentQuestions(reward, say) : questions,
    backbone: textModel(backbone, { weights: 'base', identity: backbone.info.digest }),
    users,
    seed: config.split.seed,
  })
}

/** Test users from logs of their own are those of the development split, where the folder has it. */
function developmentQuestions({ data, task }: LabelRewardConfig, say: Say): LampSplit | undefined {
  try {
    return readLamp(data, { task, split: 'dev' })
  } catch (error) {
    if (!(error instanceof BumpError)) throw error
    say(`the test measures NDCG only, not the task: ${error.message}`)
    return undefined
  }
}
