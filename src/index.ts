/**
 * bump: user profiles that any LLM can read, by a generator trained on interaction logs without labels.
 *
 * ```ts
 * import { openLogs, openModel, train, openGenerator } from 'bump-profiles'
 *
 * const logs = await openLogs('reviews.parquet', { user: 'user_id', time: 'ts', text: "title || ': ' || body" })
 * const model = await openModel('HuggingFaceTB/SmolLM2-135M-Instruct', { trainable: 'lora' })
 * const run = await train({ model, logs, out: 'runs/reviews', optim: { steps: 36 } })
 * console.log(run.summary.difference)
 *
 * const generator = await openGenerator('runs/reviews')
 * const { profile } = await generator.write(['how I pruned my roses', 'beans on a trellis'])
 * await generator.close()
 * ```
 *
 * @module
 */
import './lamp/log-format.ts'

// Logs: interactions in, of any format that bump reads.
export { inspectLogs, type LogInspection, type Spread } from './logs/inspect.ts'
export { type Logs, openLogs } from './logs/open.ts'
export type { LogDataset } from './logs/dataset.ts'
export type { LoadedUsers, SkipReport } from './logs/load.ts'
export type { SkipReason, UserSplitOptions } from './logs/split.ts'
export type {
  Interaction,
  IssueKind,
  LogIssue,
  LogReport,
  LogSource,
  SeparatedOptions,
  User,
  UserLog,
  UserSplit,
} from './logs/types.ts'

// Models: on this machine, or a server's.
export type * from './model/contract.ts'
export type * from './model/encoder.ts'
export { type DeviceRequest, type OnnxModel, type OpenModelOptions, openModel } from './model/onnx/open.ts'
export { type OpenEncoderOptions, openEncoder } from './model/onnx/open-encoder.ts'
export { openTokenizer } from './model/onnx/open-tokenizer.ts'
export type { ConnectionOptions } from './model/openai/connection.ts'
export { type OpenAiOptions, openOpenAi } from './model/openai/open.ts'
export { type AnswerStore, openServedModel, type ServedModelOptions } from './model/openai/served.ts'
export type * from './model/served.ts'
export type { AnswerOptions, TextModel } from './model/text-model.ts'
export { openTinker, type TinkerOptions } from './model/tinker/open.ts'
export type { TinkerServerOptions } from './model/tinker/server.ts'
export type { TrainableInput } from './model/trainable.ts'

// Train and generate: the method, and what a product holds.
export { type TrainEvent, type TrainOptions, type TrainRun, type TrainSettings, train } from './train/train.ts'
export type { RunEvent } from './train/ongoing-run.ts'
export type { PartEvent, Phase } from './train/phase-progress.ts'
export type { TrainConfig, TrainConfigInput } from './train/config.ts'
export type { TrainEngine } from './train/models.ts'
export type { DirectionIntervals, JudgedComparison, Summary, TaskComparison } from './run/format.ts'
export type { MlflowOptions } from './run/mlflow/tracked-run.ts'
export type { AddedReward } from './reward/added.ts'
export { type CustomReward, defineReward, type RewardContext } from './reward/custom.ts'
export type { DirectionNdcg } from './reward/bidirectional.ts'
export type { RewardConfig } from './reward/config.ts'
export type { PoolUser } from './reward/pools.ts'
export type {
  ProfileScore,
  RewardFunction,
  RewardUser,
  Rollout,
  RolloutReward,
  ScoredBatch,
} from './reward/reward.ts'
export type {
  AnyJudgeConfig,
  AnyJudgeConfigInput,
  JudgeConfig,
  JudgeConfigInput,
} from './judge/config.ts'
export type { Judge, JudgeOptions, JudgeRequest, JudgeScores, JudgeUsage, Pool, PoolScores } from './judge/types.ts'
export { type Generator, type OpenGeneratorOptions, openGenerator } from './generator/open.ts'
export type {
  HistoryInput,
  ProfiledPerson,
  ProfileGenerator,
  WriteOptions,
  WrittenProfile,
} from './generator/generator.ts'
export { openServedGenerator, type ServedGeneratorOptions } from './generator/open-served.ts'
export type { ProfileModel } from './generator/generate.ts'
export type { SettingsOptions } from './generator/settings.ts'
export type { GeneratorSettings } from './generator/profile-users.ts'
export type { PromptBudget } from './generator/history.ts'
export type { PromptWording } from './generator/prompt.ts'

// What a profile may say, before anybody is served it.
export { type InspectedProfile, type InspectOptions, inspectProfile, type ProfileFlag } from './safety/inspect.ts'
export type { MarkupKind } from './safety/markup.ts'
export { type PersonalKind, type Redacted, type RedactOptions, redact } from './safety/redact.ts'
export type { SensitiveCategory } from './safety/sensitive-words.ts'
export type { SteeringKind } from './safety/steering.ts'

// Evaluate and report.
export {
  type CheckedJudge,
  type CheckedQuery,
  type Direction,
  type JudgeCheck,
  type JudgeCheckEvent,
  type JudgeCheckOptions,
  judgeCheck,
} from './evaluate/judge-check.ts'
export { type CompareProfilesOptions, compareProfiles } from './evaluate/profiles/compare.ts'
export {
  evaluateIncremental,
  type IncrementalEvent,
  type IncrementalOptions,
} from './evaluate/incremental/evaluate.ts'
export type { DisturbanceKind } from './evaluate/robustness/disturb.ts'
export { evaluateRobustness, type RobustnessOptions } from './evaluate/robustness/evaluate.ts'
export { evaluateTransfer, type TransferOptions } from './evaluate/transfer/evaluate.ts'
export type { TransferTest } from './evaluate/transfer/tests.ts'
export { type ClaimsOptions, evaluateClaims } from './evaluate/claims/evaluate.ts'
export { evaluatePopulation, type PopulationOptions } from './evaluate/population/evaluate.ts'
export { evaluatePrivacy, type PrivacyOptions } from './evaluate/privacy/evaluate.ts'
export { regroupProfiles } from './evaluate/profiles/regroup.ts'
export type { NamedGroups } from './evaluate/profiles/groups.ts'
export type { ProfileSources } from './evaluate/profiles/collect.ts'
export type { EvaluationEngine } from './evaluate/profiles/models.ts'
export type { ConditionKind } from './evaluate/profiles/conditions.ts'
export type { JudgingEvent } from './evaluate/profiles/judged.ts'
export type { JudgingWork } from './evaluate/profiles/judging.ts'
export type { ProfileEvaluationOptions } from './evaluate/profiles/evaluation.ts'
export type { EvaluationEvent, PlanOptions } from './evaluate/profiles/plan.ts'
export type { JudgeChoice } from './evaluate/profiles/planned-judges.ts'
export type { ProfileEvaluation } from './evaluate/measure/evaluate-profiles.ts'
export { type AblationEvent, type AblationOptions, runAblation } from './evaluate/run-ablation.ts'
export type { Variant } from './evaluate/ablation.ts'
export type { EvaluationResult, ResultTable } from './evaluate/result.ts'
export { type ReportOptions, writeReport } from './report/report.ts'
export type { Interval } from './util/stats.ts'

// What can go wrong: docs/errors.md lists the codes.
export { BumpError, CancelledError, type ErrorCode } from './util/errors.ts'
