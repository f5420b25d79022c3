// The library: what the commands do, for programs. Open logs and a model, train, profile users.

export { AnswerCache } from './evaluate/lamp/answers.ts'
export { type LabelRewardInputs, labelReward } from './evaluate/lamp/label-reward.ts'
export { readLamp } from './evaluate/lamp/read.ts'
export { type AnsweredRows, type LampRow, lampRows } from './evaluate/lamp/rows.ts'
export {
  type AnswerRowsOptions,
  answerRows,
  type LampRecord,
  sampleQuestions,
  writeLampResult,
} from './evaluate/lamp/run.ts'
export type { LampItem, LampQuestion, LampSplit, LampTaskNumber } from './evaluate/lamp/types.ts'
export type { EvaluationResult, ResultTable } from './evaluate/result.ts'
export { type JudgeConfig, judgeConfigSchema } from './judge/config.ts'
export { createJudge } from './judge/judge.ts'
export type { Judge } from './judge/types.ts'
export type * from './llm/contract.ts'
export { type OpenModelOptions, openModel } from './llm/onnx/open.ts'
export { type OpenAiOptions, openOpenAi } from './llm/openai/open.ts'
export { type TextModelOptions, textModel } from './llm/text-from-tokens.ts'
export type { AnswerOptions, TextModel } from './llm/text-model.ts'
export { type LogDataset, openLogs } from './logs/dataset.ts'
export { loadUsers, type SplitOptions } from './logs/load.ts'
export type { Interaction, LogReport, LogSource, User, UserSplit } from './logs/types.ts'
export { generateProfiles } from './profiler/generate.ts'
export { type GeneratorSettings, profileUsers } from './profiler/profile-users.ts'
export { bidirectionalReward } from './reward/bidirectional.ts'
export { bidirectionalRewardSchema, type RewardConfig, rewardConfigSchema } from './reward/config.ts'
export { evaluateProfiles } from './reward/evaluate-profiles.ts'
export type * from './reward/function.ts'
export { judgeCheck } from './reward/judge-check.ts'
export { computeRewards } from './reward/reward.ts'
export { type TrainConfig, type TrainConfigInput, trainConfigSchema } from './train/config.ts'
export { type TrainEvent, type TrainOptions, type TrainResult, train } from './train/grpo.ts'
export { type RunUsers, readRunUsers } from './train/run-folder.ts'
export { type SftConfig, sftConfigSchema } from './train/sft/config.ts'
export { type SftExample, targetEncoder } from './train/sft/examples.ts'
export { type SftEvent, type SftOptions, type SftResult, type SftSummary, sft } from './train/sft/sft.ts'
export type { Summary } from './train/summary.ts'
export { BumpError, CancelledError } from './util/errors.ts'
