// Can this judge tell these users apart? Asked before any training, with the raw history in the profile's place:
// a judge at chance there can reward nothing (docs/method.md §10). The command line puts the answer into words.
import {
  type AnyJudgeConfig,
  type AnyJudgeConfigInput,
  anyJudgeConfigSchema,
  type JudgeConfig,
  type JudgeConfigInput,
  mapJudges,
  SCORER_NAMES,
  singleJudges,
} from '../judge/config.ts'
import { createJudges, judgeName, ownJudge, readsEncoder } from '../judge/judge.ts'
import { DECODERS } from '../judge/listwise.ts'
import { type AnyJudge, isSeveral } from '../judge/several.ts'
import type { Judge } from '../judge/types.ts'
import { type LoadedUsers, loadUsers, splitDataset } from '../logs/load.ts'
import type { Logs } from '../logs/open.ts'
import { DEFAULT_MIN_INTERACTIONS } from '../logs/split.ts'
import type { LogSource, User } from '../logs/types.ts'
import type { LanguageModel, Tokenizer } from '../model/contract.ts'
import type { Encoder, JudgeModel } from '../model/encoder.ts'
import type { ServedModel } from '../model/served.ts'
import { gainOverChance } from '../reward/ndcg.ts'
import { poolUsers } from '../train/measure.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { requireOptions } from '../util/required.ts'
import type { Interval } from '../util/stats.ts'
import { GENERIC_PROFILE, rawHistory } from './measure/controls.ts'
import { type EvaluationOptions, evaluateProfiles, type ProfileEvaluation } from './measure/evaluate-profiles.ts'

/** Rounding of means: a judge that always ties is at chance, not above it. */
const EXACT = 1e-9

const DIRECTIONS = ['forward', 'backward'] as const
export type Direction = (typeof DIRECTIONS)[number]

/** What stands in the place of a profile: the user's own raw history, another user's, or a text that fits anyone. */
export type CheckedQuery = 'history' | 'mismatched' | 'generic'

/** What a check tells while it works. */
export type JudgeCheckEvent =
  /** Logs were read. */
  | { type: 'logs'; report: LoadedUsers['report'] }
  /** `users` of the log's `total` are checked. */
  | { type: 'users'; users: number; total: number }
  /** A judge is asked: `share` of it is done. */
  | { type: 'judging'; judge: string; query: CheckedQuery; share: number }

export interface JudgeCheckOptions {
  /** Opened by `openLogs`, or what `openLogs` takes. */
  logs: Logs | LogSource | string
  /**
   * Its frozen base judges, and its tokenizer counts the history; or a model on a server (`openServedModel`). Needed,
   * unless an encoder judges alone.
   */
  model?: LanguageModel | ServedModel
  /** Judges by the embedding scorer. */
  encoder?: Encoder
  /**
   * Options of judges over `model` or `encoder` (of several as one, too), or judges of your own; default: every scorer that there is a model for,
   * the listwise one with each decoder.
   */
  judges?: readonly (AnyJudgeConfigInput | Judge)[]
  /** At most so many users, drawn from the log; default 64. */
  users?: number
  /** P: later interactions held out a user; default 1. */
  heldOut?: number
  /** Users with fewer interactions are skipped; default 4, as in training. */
  minInteractions?: number
  /** K: other users' candidates in a pool; default 8, at most two fewer than there are users. */
  negatives?: number
  /** Tokens of raw history that stand as the query; the judge reads all of them. Default 256. */
  historyTokens?: number
  /** Longer interactions of the history are cut to so many tokens; default 48. */
  interactionTokens?: number
  /** Of users, pools, orders and resamples; default 0. */
  seed?: number
  signal?: AbortSignal
  onEvent?: (event: JudgeCheckEvent) => void
}

/** What one judge made of the users. */
export interface CheckedJudge {
  /** 'likelihood', 'listwise (permutation, 2 orders)', or what a judge of your own calls itself. */
  name: string
  /** What decides its scores. */
  judge: Record<string, unknown>
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
 * NDCG of raw histories, of mismatched histories and of generic text by each judge, with intervals and cost, on users
 * of a log: P = `heldOut`. Throws BumpError where the logs cannot be used, (`too-few-users`) for fewer than 3 users and
 * (`evaluation-failed`) where no judge at all could be used; CancelledError where the signal aborts.
 */
export async function judgeCheck(options: JudgeCheckOptions): Promise<JudgeCheck> {
  requireOptions('judgeCheck()', options, ['logs'])
  tokenizerOf(options)
  const {
    heldOut = 1,
    minInteractions = DEFAULT_MIN_INTERACTIONS,
    seed = 0,
    users: most = 64,
    signal,
    onEvent,
  } = options
  const logs = typeof options.logs === 'string' ? { paths: [options.logs] } : options.logs
  const split = { heldOut, minInteractions, seed, validation: 0, test: 0 }
  const loaded = await ('source' in logs ? splitDataset(logs, split, signal) : loadUsers(logs, split, signal))
  onEvent?.({ type: 'logs', report: loaded.report })
  // The split orders users by a hash of seed and id, so its first ones are a random draw.
  const all = loaded.split.train
  const users = all.slice(0, most)
  onEvent?.({ type: 'users', users: users.length, total: all.length })
  return await checkJudges(users, options)
}

/** The check on users that are split already. */
export async function checkJudges(
  users: readonly User[],
  options: Omit<JudgeCheckOptions, 'logs' | 'users' | 'minInteractions'>,
): Promise<JudgeCheck> {
  if (users.length < 3)
    throw new BumpError(
      'too-few-users',
      `checking a judge takes at least 3 users with held-out interactions, but there are ${users.length}`,
    )
  const { judges = everyScorer(options), historyTokens = 256, interactionTokens = 48 } = options
  const tokenizer = tokenizerOf(options)
  const histories = users.map(({ history }) => rawHistory(history, tokenizer, { historyTokens, interactionTokens }))
  const checked: CheckedJudge[] = []
  const failed: JudgeCheck['failed'] = []
  for (const each of judges) {
    if (options.signal?.aborted) throw new CancelledError()
    const own = 'score' in each
    const config = own ? undefined : configOf(each)
    try {
      const judge = own ? ownJudge(each) : openJudge(config!, histories, options)
      checked.push(await checkJudge(users, histories, judge, options))
    } catch (error) {
      if (!(error instanceof BumpError) || error instanceof CancelledError) throw error
      failed.push({ name: own ? each.name : judgeName(config!), reason: error.message })
    }
  }
  if (checked.length === 0)
    throw new BumpError(
      'evaluation-failed',
      ['no judge could be used:', ...failed.map(({ name, reason }) => `  ${name}: ${reason}`)].join('\n'),
    )
  return { users: users.length, judges: checked, failed, recommended: recommend(checked) }
}

function configOf(input: AnyJudgeConfigInput): AnyJudgeConfig {
  const config = anyJudgeConfigSchema.safeParse(input)
  if (config.success) return config.data
  const problems = config.error.issues.map(({ path, message }) => [...path, message].join(': '))
  throw new BumpError('invalid-options', `judges: ${problems.join('; ')}`)
}

type CheckedModels = Pick<JudgeCheckOptions, 'model' | 'encoder' | 'historyTokens'>

/** What counts the tokens of histories. Throws BumpError (`invalid-options`) where there is neither model. */
function tokenizerOf({ model, encoder }: CheckedModels): Tokenizer {
  const reader = model ?? encoder
  if (reader) return reader.tokenizer
  throw new BumpError('invalid-options', 'judgeCheck() lacks model and encoder: it needs one of them, or both')
}

/** A judge that reads whole histories, or several. Throws BumpError where there is no model for a scorer. */
function openJudge(
  config: AnyJudgeConfig,
  histories: readonly string[],
  { model, encoder, historyTokens = 256 }: CheckedModels,
): AnyJudge {
  const readers = singleJudges(config).map((judge): JudgeModel => {
    const reader = readsEncoder(judge) ? encoder : model
    if (reader) return reader
    throw new BumpError(
      'invalid-options',
      `the ${judge.scorer} scorer reads with ${readsEncoder(judge) ? 'an encoder' : 'a language model'}, but there is none`,
    )
  })
  const whole = (judge: JudgeConfig, i: number): JudgeConfig => {
    // The histories were cut by the tokens of the language model, where there is one: an encoder has others.
    const lengths = readers[i] === model ? [] : histories.map((text) => readers[i].tokenizer.encode(text).length)
    return { ...judge, maxProfileTokens: Math.max(historyTokens, ...lengths) }
  }
  return createJudges(readers, mapJudges(config, whole), { cacheEntries: 100_000 })
}

/** Options of every scorer that there is a model for. */
function everyScorer({ model, encoder }: CheckedModels): JudgeConfigInput[] {
  return SCORER_NAMES.flatMap((scorer): JudgeConfigInput[] => {
    if (scorer === 'embedding') return encoder ? [{ scorer, model: encoder.info.name }] : []
    if (!model) return []
    return scorer === 'listwise' ? DECODERS.map((decoder) => ({ scorer, decoder })) : [{ scorer }]
  })
}

async function checkJudge(
  users: readonly User[],
  histories: readonly string[],
  judge: AnyJudge,
  { heldOut: positives = 1, negatives = 8, seed = 0, signal, onEvent }: Omit<JudgeCheckOptions, 'logs'>,
): Promise<CheckedJudge> {
  const started = performance.now()
  const evaluate = (query: CheckedQuery, profiles: readonly string[], more: Partial<EvaluationOptions> = {}) => {
    const tell = (share: number) => onEvent?.({ type: 'judging', judge: judge.name, query, share })
    tell(0)
    // The control leaves out one user more: pools of one size have one chance.
    const fitting = Math.min(negatives, users.length - 2)
    const options = { positives, negatives: fitting, seed, signal, onProgress: tell, ...more }
    return evaluateProfiles(poolUsers(users), profiles, judge, options)
  }
  const history = await evaluate('history', histories)
  const mismatched = await evaluate('mismatched', histories, { mismatched: true })
  const generic = await evaluate(
    'generic',
    users.map(() => GENERIC_PROFILE),
    { others: histories },
  )
  const usages = [history, mismatched, generic].map(({ usage }) => usage)
  const off = (direction: Direction): boolean => {
    const chance = mismatched.chance[direction]
    // Where the worst judge counts, what says nothing lies below chance.
    const below = isSeveral(judge) && judge.combine === 'worst' && mismatched[direction].mean < chance
    return !below && isOff(mismatched[direction], chance)
  }
  const gains = DIRECTIONS.map((direction) => gainOverChance(history[direction].mean, history.chance[direction]))
  return {
    name: judge.name,
    judge: judge.describe(),
    history,
    mismatched,
    generic,
    seconds: (performance.now() - started) / 1000,
    pairs: usages.reduce((sum, { pairs }) => sum + pairs, 0),
    tokens: usages.reduce((sum, { tokens }) => sum + tokens, 0),
    tells: DIRECTIONS.filter((direction) => isAbove(history[direction], history.chance[direction])),
    gain: (gains[0] + gains[1]) / 2,
    mismatchedOffChance: DIRECTIONS.filter(off),
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
