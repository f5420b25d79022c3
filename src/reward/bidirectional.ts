// The bidirectional reward, the default of every run (docs/method.md §3-6): a profile must find its user's own held-out
// interactions among those of other users (forward), and these must find the profile among the others' (backward). A
// batch costs one call of each judge; GRPO reads `total`, its zero-variance filter `raw`.
import { type AnyJudge, combined, isSeveral } from '../judge/several.ts'
import type { Judge, JudgeOptions, JudgeRequest, JudgeScores, JudgeUsage, Pool } from '../judge/types.ts'
import { BumpError } from '../util/errors.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { mean } from '../util/stats.ts'
import type { BidirectionalConfig } from './config.ts'
import { isEmptyProfile } from './guards.ts'
import type { HardExamples } from './hard-examples.ts'
import { ndcgFromScores } from './ndcg.ts'
import { drawPools, type UserPool } from './pools.ts'
import { type RewardFunction, type RewardUser, type Rollout, type RolloutReward, totalReward } from './reward.ts'

/** The reward as the GRPO loop takes it. It scores batches; how it validates is put beside it in train/. */
export function bidirectionalReward(
  judge: AnyJudge,
  config: BidirectionalConfig,
  hardExamples?: HardExamples,
): Pick<RewardFunction, 'score'> {
  return {
    async score(batch, seedParts, options) {
      const { rewards, chance, usage } = await computeRewards(batch, judge, config, seedParts, {
        ...options,
        hardExamples,
      })
      return { rewards, chance, usage: { ...usage } }
    },
  }
}

interface BatchRewards {
  /** [user][rollout]. */
  rewards: RolloutReward[][]
  /** NDCG of a random order in these pools, mean over users. */
  chance: { forward: number; backward: number }
  usage: JudgeUsage
}

/**
 * Rewards of all rollouts of a batch, with one call of each judge. Of more than P held-out interactions P are drawn
 * (`hardExamples` chooses them).
 * `seedParts` (run seed, step) determine pools and orders; all rollouts of a user share both. Throws BumpError
 * (`too-few-users`) for a batch of one user or a user without held-out interactions or rollouts.
 */
export async function computeRewards(
  batch: readonly RewardUser[],
  judge: AnyJudge,
  config: BidirectionalConfig,
  seedParts: readonly (string | number)[],
  { hardExamples, ...options }: JudgeOptions & { hardExamples?: HardExamples } = {},
): Promise<BatchRewards> {
  const seed = ['reward', ...seedParts]
  const { positives, negatives } = config
  const pools = drawPools(batch, { positives, negatives, seed, hardExamples })
  const pooled = batch.map((user, i) => ({
    pool: pools[i],
    profiles: user.rollouts.map((rollout) => rollout.text),
    // The word 'rival' is part of the seed: another word would draw other profiles.
    others: pools[i].others.map((j) => pickRollout(batch[j], seedFrom(...seed, user.id, 'rival', batch[j].id))),
  }))
  const { ndcg, byJudge, usage } = await ndcgOfProfiles(pooled, judge, options)
  return {
    rewards: batch.map((user, i) =>
      user.rollouts.map((rollout, g) =>
        combineReward(
          ndcg[i][g],
          rollout,
          user.history,
          config,
          termsByJudge(byJudge, (each) => each[i][g]),
        ),
      ),
    ),
    chance: {
      forward: mean(pools.map((pool) => pool.chance.forward)),
      backward: mean(pools.map((pool) => pool.chance.backward)),
    },
    usage,
  }
}

/** One profile of another user, drawn among those that say something; an empty one only where all are empty. */
function pickRollout(user: RewardUser, seed: number): string {
  if (user.rollouts.length === 0)
    throw new BumpError('too-few-users', `user ${user.id} has no rollout: sample at least one profile a user`)
  const spoken = user.rollouts.filter((rollout) => !isEmptyProfile(rollout.text))
  const choice = spoken.length > 0 ? spoken : user.rollouts
  return choice[Math.floor(uniform(seed)() * choice.length)].text
}

/**
 * The total, w_fwd·forward + w_bwd·backward less the penalties, with its parts; what each of several judges gave stands
 * beside them. Pure.
 */
export function combineReward(
  ndcg: DirectionNdcg,
  rollout: Rollout,
  history: readonly string[],
  config: BidirectionalConfig,
  byJudge: Readonly<Record<string, number>> = {},
): RolloutReward {
  const raw = config.forwardWeight * ndcg.forward + config.backwardWeight * ndcg.backward
  return totalReward({ ...ndcg, ...byJudge }, raw, rollout, history, config)
}

/** Numbers of each of several judges under `<judge>/forward` and `<judge>/backward`. */
export function termsByJudge<T>(
  byJudge: Readonly<Record<string, T>>,
  of: (values: T) => DirectionNdcg,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(byJudge).flatMap(([name, values]) => {
      const { forward, backward } = of(values)
      return [
        [`${name}/forward`, forward],
        [`${name}/backward`, backward],
      ]
    }),
  )
}

/** NDCG of one profile in both directions. */
export interface DirectionNdcg {
  forward: number
  backward: number
}

/** Profiles of one user with the user's pool. */
export interface PooledProfiles {
  pool: UserPool
  /** [G] the user's profiles. Empty ones score 0 without asking the judge. */
  profiles: readonly string[]
  /** [K] a profile of each other user of the pool, in their order. */
  others: readonly string[]
}

/** The judge's scores in the pools of one profile, the higher the better. */
export interface ProfileScores {
  /** [order][candidate], candidates as `pool.interactions`. */
  forward: number[][]
  /** [positive][order][candidate], the own profile first, then the others'. */
  backward: number[][][]
}

/** What the judge is asked about all profiles that are not empty, in the order of users, profiles and positives. */
export function judgeRequest(pooled: readonly PooledProfiles[]): JudgeRequest {
  const forward: Pool[] = []
  const backward: Pool[] = []
  for (const { pool, profiles, others } of pooled) {
    for (const profile of profiles) {
      if (isEmptyProfile(profile)) continue
      forward.push({ query: profile, candidates: pool.interactions, seed: pool.seed })
      for (const positive of pool.positives)
        backward.push({ query: positive, candidates: [profile, ...others], seed: pool.seed })
    }
  }
  return { forward, backward }
}

/**
 * [user][profile] the judge's scores, undefined for an empty profile, and what the judge's one call cost. Throws
 * BumpError (`reward-failed`) where the judge does not give one number for every candidate, and what the judge throws.
 */
export async function scoreProfiles(
  pooled: readonly PooledProfiles[],
  judge: Judge,
  options: JudgeOptions = {},
): Promise<{ scores: (ProfileScores | undefined)[][]; usage: JudgeUsage }> {
  const request = judgeRequest(pooled)
  const answer: JudgeScores =
    request.forward.length === 0 ? { forward: [], backward: [] } : await judge.score(request, options)
  for (const direction of ['forward', 'backward'] as const)
    checkScores(judge, direction, request[direction], answer?.[direction])
  let nextForward = 0
  let nextBackward = 0
  const scores = pooled.map(({ pool, profiles }) =>
    profiles.map((profile) =>
      isEmptyProfile(profile)
        ? undefined
        : {
            forward: answer.forward[nextForward++],
            backward: pool.positives.map(() => answer.backward[nextBackward++]),
          },
    ),
  )
  return { scores, usage: answer.usage ?? { pairs: candidatesIn(request), tokens: 0 } }
}

function checkScores(
  { name }: Judge,
  direction: 'forward' | 'backward',
  pools: readonly Pool[],
  scores: unknown,
): void {
  const wrong = (what: string) =>
    new BumpError(
      'reward-failed',
      `the judge ${name} gave ${what}, ${direction}: scores are lists of [pool][order][candidate]`,
    )
  if (!Array.isArray(scores)) throw wrong('no list of scores')
  if (scores.length !== pools.length) throw wrong(`scores of ${scores.length} pools for ${pools.length}`)
  for (const [i, { candidates }] of pools.entries()) {
    if (!Array.isArray(scores[i]) || scores[i].length === 0) throw wrong(`no scores for pool ${i}`)
    for (const order of scores[i] as (readonly number[])[]) {
      if (typeof order?.length !== 'number') throw wrong(`no list of scores for an order of pool ${i}`)
      if (order.length !== candidates.length)
        throw wrong(`${order.length} scores for the ${candidates.length} candidates of pool ${i}`)
      if (order.some((score) => typeof score !== 'number' || Number.isNaN(score)))
        throw wrong(`a score that is not a number for pool ${i}`)
    }
  }
}

function candidatesIn({ forward, backward }: JudgeRequest): number {
  return [...forward, ...backward].reduce((sum, { candidates }) => sum + candidates.length, 0)
}

/** NDCG of profiles, [user][profile]. */
interface JudgedProfiles {
  ndcg: DirectionNdcg[][]
  /** What each of several judges gave, by its name; empty for one judge. */
  byJudge: Record<string, DirectionNdcg[][]>
  usage: JudgeUsage
}

/**
 * NDCG forward and backward of all profiles, and what the call of each judge cost. The NDCG of several judges are
 * combined in each direction, never their scores. Throws as `scoreProfiles`.
 */
export async function ndcgOfProfiles(
  pooled: readonly PooledProfiles[],
  judge: AnyJudge,
  { signal, onProgress }: JudgeOptions = {},
): Promise<JudgedProfiles> {
  const judges = isSeveral(judge) ? Object.entries(judge.judges) : [['', judge] as const]
  const answers: [name: string, ndcg: DirectionNdcg[][]][] = []
  const usage = { pairs: 0, tokens: 0 }
  for (const [i, [name, each]] of judges.entries()) {
    const share = (done: number) => onProgress?.((i + done) / judges.length)
    const answer = await scoreProfiles(pooled, each, { signal, onProgress: share })
    const ndcg = pooled.map(({ pool }, u) =>
      answer.scores[u].map((profile) => measureRanking(profile, pool, ndcgFromScores)),
    )
    answers.push([name, ndcg])
    usage.pairs += answer.usage.pairs
    usage.tokens += answer.usage.tokens
  }
  if (!isSeveral(judge)) return { ndcg: answers[0][1], byJudge: {}, usage }
  const of = (u: number, g: number, direction: keyof DirectionNdcg) =>
    combined(
      judge.combine,
      answers.map(([, ndcg]) => ndcg[u][g][direction]),
    )
  return {
    ndcg: pooled.map(({ profiles }, u) =>
      profiles.map((_, g) => ({ forward: of(u, g, 'forward'), backward: of(u, g, 'backward') })),
    ),
    byJudge: Object.fromEntries(answers),
    usage,
  }
}

/**
 * One number a direction from the judge's scores: `metric` of each order and query, averaged; ranks are never averaged.
 * 0 for an empty profile (no scores).
 */
export function measureRanking(
  scores: ProfileScores | undefined,
  pool: UserPool,
  metric: (scores: readonly number[], relevant: readonly boolean[]) => number,
): DirectionNdcg {
  if (!scores) return { forward: 0, backward: 0 }
  const overOrders = (orders: readonly number[][], relevant: readonly boolean[]) =>
    mean(orders.map((candidates) => metric(candidates, relevant)))
  return {
    forward: overOrders(scores.forward, pool.relevant),
    backward: mean(
      scores.backward.map((orders) =>
        overOrders(
          orders,
          orders[0].map((_, candidate) => candidate === 0),
        ),
      ),
    ),
  }
}
