// Can this judge tell these users apart? Asked before any training, with the raw history in the profile's place:
// a judge at chance there can reward nothing (docs/method.md §10). The command line puts the answer into words.
import type { JudgeConfig } from '../judge/config.ts'
import { createJudge, judgeName } from '../judge/judge.ts'
import type { Judge } from '../judge/types.ts'
import type { User } from '../logs/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import { gainOverChance } from '../reward/ndcg.ts'
import { poolUsers } from '../train/measure.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import type { Interval } from '../util/stats.ts'
import { GENERIC_PROFILE, type HistoryBudget, rawHistory } from './measure/controls.ts'
import { type EvaluationOptions, evaluateProfiles, type ProfileEvaluation } from './measure/evaluate-profiles.ts'

/** Rounding of means: a judge that always ties is at chance, not above it. */
const EXACT = 1e-9

const DIRECTIONS = ['forward', 'backward'] as const
type Direction = (typeof DIRECTIONS)[number]

/** What stands in the place of a profile: the user's own raw history, another user's, or a text that fits anyone. */
export type CheckedQuery = 'history' | 'mismatched' | 'generic'

export interface JudgeCheckOptions {
  /** P. */
  positives: number
  /** K. */
  negatives: number
  /** How much of a history stands as the query; the judge reads all of it. */
  history: HistoryBudget
  /** Determines pools, orders and resamples. */
  seed: number
  signal?: AbortSignal
  /** Called before each query of each judge. */
  onProgress?: (judge: string, query: CheckedQuery) => void
}

/** What one judge made of the users. */
export interface CheckedJudge {
  /** As `judgeName` calls it. */
  name: string
  config: JudgeConfig
  /** The user's own raw history as the profile. */
  history: ProfileEvaluation
  /** Another user's history: must be at chance. */
  mismatched: ProfileEvaluation
  /** The same generic text for every user, against the others' histories. */
  generic: ProfileEvaluation
  seconds: number
  /** Query-candidate pairs judged. */
  pairs: number
  /** Tokens given to the model or sampled from it. */
  tokens: number
  /** Directions in which the interval of `history` lies above chance. */
  tells: Direction[]
  /** Gain over chance of `history`, mean of both directions: 0 at chance, 1 at the best. */
  gain: number
  /** Directions in which another user's history is well off chance: users share interactions, or are too few. */
  mismatchedOffChance: Direction[]
  /** Directions in which generic text ranks above chance: such a judge may reward padding. */
  genericAboveChance: Direction[]
}

export interface JudgeCheck {
  users: number
  judges: CheckedJudge[]
  /** Judges that this model or these budgets do not allow. */
  failed: { name: string; reason: string }[]
  /** The judge with the highest gain over chance among those that tell users apart in most directions. */
  recommended: CheckedJudge | undefined
}

/**
 * NDCG of raw histories, of mismatched histories and of generic text by each judge over `model`, with intervals and
 * cost. Each of `configs` is read with the history's budget as its `maxProfileTokens`. Throws BumpError
 * (`too-few-users`) for fewer than 3 users, (`evaluation-failed`) where no judge at all could be used, and
 * CancelledError where the signal aborts.
 */
export async function judgeCheck(
  users: readonly User[],
  model: LanguageModel,
  configs: readonly JudgeConfig[],
  options: JudgeCheckOptions,
): Promise<JudgeCheck> {
  if (users.length < 3)
    throw new BumpError(
      'too-few-users',
      `checking a judge takes at least 3 users with held-out interactions, but there are ${users.length}`,
    )
  const histories = users.map(({ history }) => rawHistory(history, model.tokenizer, options.history))
  const judges: CheckedJudge[] = []
  const failed: JudgeCheck['failed'] = []
  for (const each of configs) {
    const config = { ...each, maxProfileTokens: options.history.historyTokens }
    try {
      const judge = createJudge(model, config, { cacheEntries: 100_000 })
      judges.push({ config, ...(await checkJudge(users, histories, judge, options)) })
    } catch (error) {
      if (!(error instanceof BumpError) || error instanceof CancelledError) throw error
      failed.push({ name: judgeName(config), reason: error.message })
    }
  }
  if (judges.length === 0)
    throw new BumpError(
      'evaluation-failed',
      ['no scorer could be used:', ...failed.map(({ name, reason }) => `  ${name}: ${reason}`)].join('\n'),
    )
  return { users: users.length, judges, failed, recommended: recommend(judges) }
}

async function checkJudge(
  users: readonly User[],
  histories: readonly string[],
  judge: Judge,
  { positives, negatives, seed, signal, onProgress }: JudgeCheckOptions,
): Promise<Omit<CheckedJudge, 'config'>> {
  const started = performance.now()
  const evaluate = (query: CheckedQuery, profiles: readonly string[], more: Partial<EvaluationOptions> = {}) => {
    onProgress?.(judge.name, query)
    return evaluateProfiles(poolUsers(users), profiles, judge, { positives, negatives, seed, signal, ...more })
  }
  const history = await evaluate('history', histories)
  const mismatched = await evaluate('mismatched', histories, { mismatched: true })
  const generic = await evaluate(
    'generic',
    users.map(() => GENERIC_PROFILE),
    { others: histories },
  )
  const usages = [history, mismatched, generic].map(({ usage }) => usage)
  const gains = DIRECTIONS.map((direction) => gainOverChance(history[direction].mean, history.chance[direction]))
  return {
    name: judge.name,
    history,
    mismatched,
    generic,
    seconds: (performance.now() - started) / 1000,
    pairs: usages.reduce((sum, { pairs }) => sum + pairs, 0),
    tokens: usages.reduce((sum, { tokens }) => sum + tokens, 0),
    tells: DIRECTIONS.filter((direction) => isAbove(history[direction], history.chance[direction])),
    gain: (gains[0] + gains[1]) / 2,
    mismatchedOffChance: DIRECTIONS.filter((direction) => isOff(mismatched[direction], mismatched.chance[direction])),
    genericAboveChance: DIRECTIONS.filter((direction) => isAbove(generic[direction], generic.chance[direction])),
  }
}

function recommend(judges: readonly CheckedJudge[]): CheckedJudge | undefined {
  const able = judges.filter(({ tells }) => tells.length > 0)
  able.sort((a, b) => b.tells.length - a.tells.length || b.gain - a.gain)
  return able[0]
}

function isAbove({ low }: Interval, chance: number): boolean {
  return low > chance + EXACT
}

/** Well outside the interval: several intervals are compared at once, and each of them misses one time in twenty. */
function isOff({ mean, low, high }: Interval, chance: number): boolean {
  return Math.abs(mean - chance) > (1.5 * (high - low)) / 2 + EXACT
}
