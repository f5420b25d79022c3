// A training run on the toy policy and its toy users, without logs or files of models.
import { singleJudges } from '../../judge/config.ts'
import { createJudges } from '../../judge/judge.ts'
import type { AnyJudge } from '../../judge/several.ts'
import type { Judge } from '../../judge/types.ts'
import type { UserSplit } from '../../logs/types.ts'
import type { LanguageModel } from '../../model/contract.ts'
import type { HardExamples } from '../../reward/hard-examples.ts'
import type { RewardFunction } from '../../reward/reward.ts'
import type { MlflowOptions } from '../../run/mlflow/tracked-run.ts'
import type { TrainConfig } from '../config.ts'
import { defaultReward } from '../default-reward.ts'
import type { Baseline } from '../final-test.ts'
import { poolSeed } from '../measure.ts'
import { type TrainEvent, type TrainRun, trainUsers } from '../train.ts'
import { toyPolicy, toySplit } from './toy-policy.ts'
import { listsOf } from './user-lists.ts'

export interface ToyRun {
  config: TrainConfig
  out: string
  model?: LanguageModel
  users?: UserSplit
  judge?: AnyJudge
  testJudges?: Record<string, Judge>
  reward?: RewardFunction
  hardExamples?: HardExamples
  baseline?: Baseline
  mlflow?: MlflowOptions
  resume?: boolean
  signal?: AbortSignal
  onEvent?: (event: TrainEvent) => void
}

/** Trains the toy policy by the reward that the configuration names. */
export async function toyRun({ config, model = toyPolicy(), users = toySplit(), ...rest }: ToyRun): Promise<TrainRun> {
  const models = singleJudges(config.judge).map(() => model)
  const judge = rest.judge ?? createJudges(models, config.judge)
  const bidirectional = config.reward.type === 'bidirectional' ? config.reward : undefined
  const reward = rest.reward ?? defaultReward(judge, bidirectional!, poolSeed(config), rest.hardExamples)
  return await trainUsers(config, {
    ...rest,
    users: listsOf(users),
    model,
    judge,
    reward,
    judgeRecord: { ...config.judge },
  })
}
