// Can this judge tell these users apart? Asked before any training, with the raw history in the profile's place:
// a judge at chance there can reward nothing (docs/method.md §10).
import { type JudgeConfig, judgeConfigSchema } from '../judge/config.ts'
import { createJudge } from '../judge/judge.ts'
import type { LanguageModel, Tokenizer } from '../model/contract.ts'
import { gainOverChance } from '../reward/ndcg.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import type { Interval } from '../util/stats.ts'
import { evaluateProfiles, type ProfileEvaluation } from './measure/evaluate-profiles.ts'

/** The scorers under the names of the command line. */
export const SCORERS = {
  likelihood: judgeConfigSchema.parse({ scorer: 'likelihood' }),
  pointwise: judgeConfigSchema.parse({ scorer: 'pointwise' }),
  listwise: judgeConfigSchema.parse({ scorer: 'listwise', decoder: 'permutation' }),
  'listwise-first-token': judgeConfigSchema.parse({ scorer: 'listwise', decoder: 'first-token' }),
} as const satisfies Record<string, JudgeConfig>
export type ScorerName = keyof typeof SCORERS

/** Rounding of means: a judge that always ties is at chance, not above it. */
const EXACT = 1e-9

/** What anyone could be called: a judge that ranks it high rewards padding. */
export const GENERIC_PROFILE =
  'A thoughtful person with many different interests who enjoys learning new things and shares honest opinions.'

export interface CheckUser {
  id: string
  /** Texts, oldest first. */
  history: readonly string[]
  heldOut: readonly string[]
}

export interface CheckOptions {
  /** P. */
  positives: number
  /** K. */
  negatives: number
  /** Tokens of raw history that stand as the query; the latest interactions that fit. */
  historyTokens: number
  maxInteractionTokens: number
  seed: number
  signal?: AbortSignal
  onProgress?: (line: string) => void
}

/** One scorer's answer. */
export interface ScorerCheck {
  scorer: ScorerName
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
  tells: ('forward' | 'backward')[]
}

export interface JudgeCheck {
  users: number
  scorers: ScorerCheck[]
  /** Scorers that this model or these budgets do not allow. */
  failed: { scorer: ScorerName; reason: string }[]
  /** The scorer with the highest gain over chance among those that tell users apart in most directions. */
  recommended: ScorerName | undefined
  /** Plain sentences: one a scorer, warnings, and the recommendation. */
  verdict: string[]
}

/** The latest interactions that fit in `maxTokens`, oldest first, one a line; at least the last one. */
export function historyText(texts: readonly string[], tokenizer: Tokenizer, maxTokens: number): string {
  const lines: string[] = []
  let left = maxTokens
  for (let i = texts.length - 1; i >= 0; i--) {
    const line = `- ${texts[i].trim().replace(/\s+/g, ' ')}`
    left -= tokenizer.encode(`${line}\n`).length
    if (left < 0 && lines.length > 0) break
    lines.unshift(line)
  }
  return lines.join('\n')
}

/**
 * NDCG of raw histories, of mismatched histories and of generic text under each scorer, with intervals and cost.
 * Throws BumpError for fewer than 3 users, and where no scorer at all could be used.
 */
export async function judgeCheck(
  users: readonly CheckUser[],
  model: LanguageModel,
  scorers: readonly ScorerName[],
  options: CheckOptions,
): Promise<JudgeCheck> {
  const { positives, negatives, historyTokens, maxInteractionTokens, seed, signal } = options
  if (users.length < 3)
    throw new BumpError(
      'evaluation-failed',
      `checking a judge takes at least 3 users with held-out interactions, but there are ${users.length}`,
    )
  const histories = users.map((user) => historyText(user.history, model.tokenizer, historyTokens))
  const checks: ScorerCheck[] = []
  const failed: JudgeCheck['failed'] = []
  for (const scorer of scorers) {
    const config = { ...SCORERS[scorer], maxProfileTokens: historyTokens, maxInteractionTokens }
    const started = performance.now()
    const evaluate = (what: string, profiles: readonly string[], more: { mismatched?: boolean; rivals?: string[] }) => {
      options.onProgress?.(`${scorer}: ${what}, ${users.length} users`)
      return evaluateProfiles(users, profiles, judge, { positives, negatives, seed, signal, ...more })
    }
    let judge: ReturnType<typeof createJudge>
    try {
      judge = createJudge(model, config, { cacheEntries: 100_000 })
      const history = await evaluate('own history', histories, {})
      const mismatched = await evaluate("another user's history", histories, { mismatched: true })
      const generic = await evaluate(
        'generic text',
        users.map(() => GENERIC_PROFILE),
        { rivals: histories },
      )
      const usages = [history, mismatched, generic].map((evaluation) => evaluation.usage)
      checks.push({
        scorer,
        history,
        mismatched,
        generic,
        seconds: (performance.now() - started) / 1000,
        pairs: usages.reduce((sum, usage) => sum + usage.pairs, 0),
        tokens: usages.reduce((sum, usage) => sum + usage.tokens, 0),
        tells: (['forward', 'backward'] as const).filter(
          (direction) => history[direction].low > history.chance[direction] + EXACT,
        ),
      })
    } catch (error) {
      if (!(error instanceof BumpError) || error instanceof CancelledError) throw error
      failed.push({ scorer, reason: error.message })
    }
  }
  if (checks.length === 0)
    throw new BumpError(
      'evaluation-failed',
      ['no scorer could be used:', ...failed.map((f) => `  ${f.scorer}: ${f.reason}`)].join('\n'),
    )
  const recommended = recommend(checks)
  return { users: users.length, scorers: checks, failed, recommended, verdict: verdictOf(checks, failed, recommended) }
}

/** Mean gain over chance of both directions. */
function gain({ history }: ScorerCheck): number {
  const { forward, backward, chance } = history
  return (gainOverChance(forward.mean, chance.forward) + gainOverChance(backward.mean, chance.backward)) / 2
}

function recommend(checks: readonly ScorerCheck[]): ScorerName | undefined {
  const able = checks.filter((check) => check.tells.length > 0)
  able.sort((a, b) => b.tells.length - a.tells.length || gain(b) - gain(a))
  return able[0]?.scorer
}

/** `0.712 [0.660, 0.764]`. */
export function formatInterval({ mean, low, high }: Interval): string {
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
}

/** Well outside the interval: several intervals are compared at once, and each of them misses one time in twenty. */
function isOff({ mean, low, high }: Interval, chance: number): boolean {
  return Math.abs(mean - chance) > (1.5 * (high - low)) / 2 + EXACT
}

function verdictOf(
  checks: readonly ScorerCheck[],
  failed: JudgeCheck['failed'],
  recommended: ScorerName | undefined,
): string[] {
  const lines: string[] = []
  for (const check of checks) {
    const { history, mismatched, generic, tells, scorer } = check
    const can =
      tells.length === 2
        ? 'tells users apart'
        : tells.length === 1
          ? `tells users apart only ${tells[0]}`
          : 'cannot tell users apart'
    const figures = (['forward', 'backward'] as const)
      .map((d) => `${d} ${formatInterval(history[d])} against chance ${history.chance[d].toFixed(3)}`)
      .join(', ')
    lines.push(`${scorer} ${can}: ${figures}.`)
    for (const direction of ['forward', 'backward'] as const) {
      if (isOff(mismatched[direction], mismatched.chance[direction]))
        lines.push(
          `  Warning: another user's history is off chance ${direction}, ${formatInterval(mismatched[direction])}: users share records, or they are too few; try --users and --seed.`,
        )
      if (generic[direction].low > generic.chance[direction] + EXACT)
        lines.push(
          `  Warning: generic text ranks above chance ${direction}, ${formatInterval(generic[direction])}: this judge may reward padding, so keep the length penalty and compare with mismatched profiles.`,
        )
    }
  }
  for (const { scorer, reason } of failed) lines.push(`${scorer} could not be used: ${reason}`)
  const best = checks.find((check) => check.scorer === recommended)
  lines.push(
    best
      ? `Recommended: ${best.scorer}, ${(100 * gain(best)).toFixed(0)} % of the way from chance to perfect at ${costOf(best)}.`
      : 'Recommended: none. Try a larger model, more history tokens, texts that say more about their user, or more users.',
  )
  return lines
}

/** Milliseconds and tokens of one query-candidate pair, as text. */
export function costOf({ seconds, pairs, tokens }: Pick<ScorerCheck, 'seconds' | 'pairs' | 'tokens'>): string {
  return `${((1000 * seconds) / pairs).toFixed(1)} ms and ${(tokens / pairs).toFixed(0)} tokens a pair`
}
