// The library: what the commands do, for programs. Open logs and a model, train, profile users.

import './lamp/log-format.ts'

export { judgeCheck } from './evaluate/judge-check.ts'
export { evaluateProfiles } from './evaluate/measure/evaluate-profiles.ts'
export type { ProfileCondition } from './evaluate/profiles/conditions.ts'
export { type JudgingOptions, judgeConditions, type PoolSizeScores } from './evaluate/profiles/judging.ts'
export { ScoreFile } from './evaluate/profiles/score-file.ts'
export { profileTable } from './evaluate/profiles/table.ts'
export type { EvaluationResult, ResultTable } from './evaluate/result.ts'
export { generateProfiles } from './generator/generate.ts'
export { type GeneratorSettings, profileUsers } from './generator/profile-users.ts'
export { type JudgeConfig, judgeConfigSchema } from './judge/config.ts'
export { createJudge } from './judge/judge.ts'
export type { Judge } from './judge/types.ts'
export { type LabelRewardInputs, labelReward } from './lamp/label-reward.ts'
export { readLamp } from './lamp/read.ts'
export { type AnsweredRows, type LampRow, lampRows } from './lamp/rows.ts'
export {
  type AnswerRowsOptions,
  answerRows,
  type LampRecord,
  sampleQuestions,
  writeLampResult,
} from './lamp/run.ts'
export type { LampItem, LampQuestion, LampSplit, LampTaskNumber } from './lamp/types.ts'
export { type LogDataset, openLogs } from './logs/dataset.ts'
export { loadUsers, type SplitOptions } from './logs/load.ts'
export type { Interaction, LogReport, LogSource, User, UserSplit } from './logs/types.ts'
export { AnswerCache } from './model/answers.ts'
export type * from './model/contract.ts'
export { type OpenModelOptions, openModel } from './model/onnx/open.ts'
export { type OpenAiOptions, openOpenAi } from './model/openai/open.ts'
export { type TextModelOptions, textModel } from './model/text-from-tokens.ts'
export type { AnswerOptions, TextModel } from './model/text-model.ts'
export { type ReportOptions, writeReport } from './report/report.ts'
export { computeRewards } from './reward/batch-rewards.ts'
export { bidirectionalReward } from './reward/bidirectional.ts'
export { bidirectionalRewardSchema, type RewardConfig, rewardConfigSchema } from './reward/config.ts'
export type * from './reward/reward.ts'
export type { RunUsers, SftSummary, Summary } from './run/format.ts'
export { readRunUsers } from './run/read.ts'

export { type TrainConfig, type TrainConfigInput, trainConfigSchema } from './train/config.ts'
export { type TrainEvent, type TrainOptions, type TrainResult, train } from './train/grpo.ts'
export { type SftEvent, type SftOptions, type SftResult, sft } from './train/sft.ts'
export { type SftConfig, sftConfigSchema } from './train/sft-config.ts'
export { type SftExample, targetEncoder } from './train/sft-examples.ts'

export { BumpError, CancelledError } from './util/errors.ts'
