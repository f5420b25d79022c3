// Measures the generator on users never trained on: one profile each. Validation and the final test.

import { type HistoryBudget, rawHistory } from '../evaluate/measure/controls.ts'
import { evaluateProfiles, type ProfileEvaluation } from '../evaluate/measure/evaluate-profiles.ts'
import { generateProfiles } from '../generator/generate.ts'
import { profileSeeds } from '../generator/profile-users.ts'
import { mapJudges, singleJudges } from '../judge/config.ts'
import { createJudges } from '../judge/judge.ts'
import type { AnyJudge } from '../judge/several.ts'
import type { Judge } from '../judge/types.ts'
import type { User } from '../logs/types.ts'
import type { LanguageModel, Tokenizer, WeightSet } from '../model/contract.ts'
import type { JudgeModel } from '../model/encoder.ts'
import { profileScore } from '../reward/added.ts'
import type { DirectionNdcg } from '../reward/bidirectional.ts'
import { copiedPenalty, lengthPenalty } from '../reward/guards.ts'
import type { ProfileScore, RewardFunction } from '../reward/reward.ts'
import type { DirectionIntervals } from '../run/format.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { bootstrapInterval, mean } from '../util/stats.ts'
import type { TrainConfig } from './config.ts'
import { prefixed } from './metrics.ts'
import type { Part, PhaseProgress } from './phase-progress.ts'

export interface Measurement extends ProfileEvaluation {
  /** [user] the profiles that were judged. */
  profiles: string[]
  /** [user] their tokens. */
  lengths: number[]
}

/** At most `limit` users of a part, drawn with the split's seed: the same for every run on the same logs. */
export function measuredUsers<U>(users: readonly U[], limit: number, config: TrainConfig): U[] {
  return shuffled(users, seedFrom(config.split.seed, 'measured')).slice(0, limit)
}

/** Profiles of users, as validation and the final test sample them: one each. */
interface MeasuredProfiles {
  /** [user] */
  profiles: string[]
  /** [user] their tokens. */
  lengths: number[]
  /** [user] the interactions that the generator saw. */
  shown: string[][]
}

/** One profile of each user under the given weights. */
async function measuredProfiles(
  model: LanguageModel,
  users: readonly User[],
  config: TrainConfig,
  weights: WeightSet,
  progress: PhaseProgress,
  signal?: AbortSignal,
): Promise<MeasuredProfiles> {
  const most = users.length * config.profile.maxTokens
  const generated = await progress.next((onProgress) =>
    generateProfiles(model, users, {
      prompt: config.prompt,
      maxTokens: config.profile.maxTokens,
      temperature: config.profile.temperature,
      seeds: profileSeeds(config.seed),
      weights,
      signal,
      onProgress: (tokens) => onProgress(tokens / most),
    }),
  )
  return {
    profiles: generated.map((user) => user.profiles[0]),
    lengths: generated.map(({ completions }) => completions[0].tokens.length),
    shown: generated.map(({ shown }) => shown),
  }
}

/** What a validation does. */
export const validationParts = (users: number): Part[] => [
  { what: 'profiles', kind: 'write', users },
  { what: 'judging', kind: 'judge', users },
]

/**
 * The policy's score on the validation users, penalties taken off as in training, and what is logged of it. `progress`:
 * of `validationParts`.
 */
export async function validate(
  model: LanguageModel,
  reward: RewardFunction,
  users: readonly User[],
  config: TrainConfig,
  progress: PhaseProgress,
  signal?: AbortSignal,
): Promise<ProfileScore> {
  const measured = await measuredProfiles(model, users, config, 'policy', progress, signal)
  const batch = poolUsers(users).map((user, u) => ({
    ...user,
    history: measured.shown[u],
    rollouts: [{ text: measured.profiles[u], tokens: measured.lengths[u] }],
  }))
  const raw = await progress.next((onProgress) =>
    profileScore(reward, batch, config.split.seed, { signal, onProgress }),
  )
  const length = 0 - mean(measured.lengths.map((tokens) => lengthPenalty(tokens, config.reward)))
  const copied = 0 - mean(measured.profiles.map((text, u) => copiedPenalty(text, measured.shown[u], config.reward)))
  const score = raw.score + length + copied
  const logged = { ...raw.metrics, length, copied, score, mean_length: mean(measured.lengths), users: users.length }
  return { score, metrics: prefixed('eval', logged) }
}

/** Who measures: the run's judge, and others that only measure. */
interface Measuring {
  judge: AnyJudge
  others: Readonly<Record<string, Judge>>
  onNote: (text: string) => void
}

/**
 * Profiles of the users under the given weights, and how well they identify them, by the judge and by `others`. Equal
 * users get equal pools. One of the others that cannot measure is left out, with a note.
 */
export async function measure(
  model: LanguageModel,
  { judge, others, onNote }: Measuring,
  users: readonly User[],
  config: TrainConfig,
  weights: WeightSet,
  progress: PhaseProgress,
  signal?: AbortSignal,
): Promise<Measurement> {
  const { profiles, lengths } = await measuredProfiles(model, users, config, weights, progress, signal)
  const by = (each: AnyJudge, onProgress: (share: number) => void) =>
    evaluateProfiles(poolUsers(users), profiles, each, { ...poolOptions(config, users), signal, onProgress })
  const evaluation = await progress.next((onProgress) => by(judge, onProgress))
  const byJudge = { ...evaluation.byJudge }
  for (const [name, other] of Object.entries(others))
    await progress.next(async (onProgress) => {
      try {
        const { users: measured } = await by(other, onProgress)
        byJudge[name] = measured.map(({ forward, backward }) => ({ forward, backward }))
      } catch (error) {
        // The run has ended: a judge that only measures must not end it without a result.
        if (!BumpError.isInstance(error) || error.code === 'cancelled') throw error
        onNote(`the judge ${name} cannot measure, and is left out: ${error.message}`)
      }
    })
  return { ...evaluation, byJudge, profiles, lengths }
}

type PerUser = (user: number, direction: 'forward' | 'backward') => number

function intervalsOver(users: number, value: PerUser, seed: number): DirectionIntervals {
  const all = [...Array(users).keys()]
  const forward = all.map((u) => value(u, 'forward'))
  const backward = all.map((u) => value(u, 'backward'))
  const options = { seed: seedFrom('bootstrap', seed) }
  return {
    forward: bootstrapInterval(forward, options),
    backward: bootstrapInterval(backward, options),
    both: bootstrapInterval(
      forward.map((score, u) => (score + backward[u]) / 2),
      options,
    ),
  }
}

/** Intervals of one evaluation. */
function directionIntervals(evaluation: { users: readonly DirectionNdcg[] }, seed: number): DirectionIntervals {
  return intervalsOver(evaluation.users.length, (u, direction) => evaluation.users[u][direction], seed)
}

/** Before, after and their paired difference, over the same users in the same pools. */
export function compareMeasurements(
  before: { users: readonly DirectionNdcg[] },
  after: { users: readonly DirectionNdcg[] },
  seed: number,
): Record<'before' | 'after' | 'difference', DirectionIntervals> {
  return {
    before: directionIntervals(before, seed),
    after: directionIntervals(after, seed),
    difference: intervalsOver(
      before.users.length,
      (u, direction) => after.users[u][direction] - before.users[u][direction],
      seed,
    ),
  }
}

/** The run's judge for texts of any length: it reads each of them whole, as the raw history's control needs it. */
export type WholeTextJudge = (texts: readonly string[]) => AnyJudge

/** Raises the budget of each judge to the longest of the texts; `models[i]` is what the i-th reads with. */
export function wholeTextJudge(models: readonly JudgeModel[], config: TrainConfig['judge']): WholeTextJudge {
  return (texts) => {
    const raised = mapJudges(config, (judge, i) => {
      const lengths = texts.map((text) => models[i].tokenizer.encode(text).length)
      return { ...judge, maxProfileTokens: Math.max(judge.maxProfileTokens, ...lengths) }
    })
    return createJudges(models, raised)
  }
}

interface ControlOptions {
  /** Default: the judge itself, which has no budget. */
  wholeTexts?: WholeTextJudge
  /** The raw history's intervals, where they were measured before. */
  known?: DirectionIntervals
  onNote?: (text: string) => void
  progress?: PhaseProgress
  signal?: AbortSignal
}

/**
 * What a profile is measured against: the raw history in its place (what the generator reads, all of it), and the
 * control in which every user has another user's profile, which must be at chance. Fewer than 3 users have no control.
 */
export async function measureControls(
  tokenizer: Tokenizer,
  judge: AnyJudge,
  users: readonly User[],
  profiles: readonly string[],
  config: TrainConfig,
  options: ControlOptions = {},
): Promise<{ history: DirectionIntervals; mismatched: DirectionIntervals | null }> {
  const { signal, known, wholeTexts, onNote, progress } = options
  const evaluate = (
    texts: readonly string[],
    reader: AnyJudge,
    { mismatched, onProgress }: { mismatched?: boolean; onProgress?: (share: number) => void } = {},
  ) =>
    evaluateProfiles(poolUsers(users), texts, reader, { ...poolOptions(config, users), mismatched, signal, onProgress })
  const histories = (budget: HistoryBudget) => users.map(({ history }) => rawHistory(history, tokenizer, budget))
  const evaluateHistories = async (onProgress?: (share: number) => void) => {
    const whole = histories(config.prompt)
    try {
      return await evaluate(whole, wholeTexts?.(whole) ?? judge, { onProgress })
    } catch (error) {
      if (!(BumpError.isInstance(error) && error.code === 'context-exceeded')) throw error
    }
    // The run has ended: what the judge cannot hold must not end it without a result.
    const budgets = singleJudges(config.judge).map(({ maxProfileTokens }) => maxProfileTokens)
    const historyTokens = Math.min(config.prompt.historyTokens, ...budgets)
    onNote?.(`the judge cannot hold the whole raw history: its control shows the latest ${historyTokens} tokens`)
    return await evaluate(histories({ ...config.prompt, historyTokens }), judge, { onProgress })
  }
  const part = <T>(work: (onProgress?: (share: number) => void) => Promise<T>) =>
    progress ? progress.next(work) : work()
  const intervals = (evaluation: ProfileEvaluation) => directionIntervals(evaluation, config.split.seed)
  return {
    history: known ?? intervals(await part(evaluateHistories)),
    mismatched:
      users.length < 3
        ? null
        : intervals(await part((onProgress) => evaluate(profiles, judge, { mismatched: true, onProgress }))),
  }
}

/** What rewards and pools see of users. */
export const poolUsers = (users: readonly User[]) =>
  users.map(({ id, heldOut }) => ({ id, heldOut: heldOut.map(({ text }) => text) }))

/**
 * Equal users get equal pools, whatever the profiles: evaluations are paired. K leaves out one other user, so that the
 * mismatched control, which leaves out whose profile it gives, has pools as large and the same chance.
 */
const poolOptions = (config: TrainConfig, users: readonly User[]) => ({
  positives: config.reward.positives,
  negatives: Math.max(1, Math.min(config.reward.negatives, users.length - 2)),
  seed: poolSeed(config),
})

/** Seed of the pools of validation and the final test. */
export function poolSeed(config: TrainConfig): number {
  return seedFrom(config.split.seed, 'pools')
}
