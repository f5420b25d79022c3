// Every condition judged in the same pools, in both directions and for several pool sizes (docs/method.md §10). What
// the judge has to read is collected over all conditions and sizes first: each pair of a profile and an interaction is
// scored once, profile by profile, so that the tokens of a profile are computed once.
import type { ScoreStore } from '../../judge/cache.ts'
import type { JudgeConfig } from '../../judge/config.ts'
import { encodingKey } from '../../judge/embedding.ts'
import { createJudge } from '../../judge/judge.ts'
import { pairKey } from '../../judge/matrix.ts'
import type { Judge, JudgeRequest, Pool } from '../../judge/types.ts'
import type { JudgeModel } from '../../model/encoder.ts'
import { judgeRequest, measureRanking, type PooledProfiles, scoreProfiles } from '../../reward/bidirectional.ts'
import { gainOverChance, ndcgFromScores } from '../../reward/ndcg.ts'
import { drawPools, type PoolUser, type UserPool } from '../../reward/pools.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { mean } from '../../util/stats.ts'
import { mismatchedWith } from '../measure/controls.ts'
import { recallAtOneFromScores, reciprocalRankFromScores } from '../measure/rank-metrics.ts'
import type { ProfileCondition } from './conditions.ts'

/** How one profile ranks in one direction; all 0 for an empty profile. */
export interface RankScores {
  ndcg: number
  /** Reciprocal rank of the first positive. */
  mrr: number
  recall1: number
  /** NDCG as gain over chance: 0 at chance, 1 at the best. */
  gain: number
}

type Direction = 'forward' | 'backward'
export type UserScores = Record<Direction, RankScores>

/** All conditions in the pools of one size. */
export interface PoolSizeScores {
  /** K. */
  negatives: number
  /** What a random order scores in these pools, mean over users. */
  chance: UserScores
  /** [condition][user] */
  scores: UserScores[][]
}

/** What is to be judged: how much in all, and how much of it was judged before. */
export interface JudgingWork {
  /** 'pairs' of a profile and an interaction; 'pools' shown to a listwise judge; 'texts' that an encoder reads. */
  unit: 'pairs' | 'pools' | 'texts'
  total: number
  known: number
}

export interface JudgingOptions {
  /** P. */
  positives: number
  /** K of each table, ascending. */
  poolSizes: readonly number[]
  /** Determines pools, the mismatched control and orders; equal seeds and users give equal pools. */
  seed: number
  /** Where scores are kept. */
  store: ScoreStore
  signal?: AbortSignal
  /** Called once, before the judge is first asked. */
  onStart?: (work: JudgingWork) => void
  /** Called after each call of the judge. */
  onProgress?: (done: number, total: number) => void
}

/** Pairs (candidates of listwise pools, texts of an encoder) of one call of the judge: what an interruption loses at most. */
const PAIRS_AT_ONCE = 128

/**
 * Throws BumpError (`invalid-options`) where `users` are too few for these pools: a user, the one whose
 * profile is the mismatched control, and K others are needed.
 */
export function checkPoolSizes(users: number, poolSizes: readonly number[]): void {
  const largest = Math.max(0, users - 2)
  if (largest === 0)
    throw new BumpError(
      'evaluation-failed',
      `comparing profiles takes at least 3 users with held-out interactions, but there are ${users}`,
    )
  const tooLarge = poolSizes.filter((size) => size > largest)
  if (tooLarge.length > 0)
    throw new BumpError(
      'invalid-options',
      `a pool of ${tooLarge.join(' or ')} other users cannot be drawn from ${users} users: the largest possible is ${largest} (all but the user and the one whose profile is the mismatched control). Lower poolSizes, or evaluate more users.`,
    )
}

/**
 * [size] scores of every condition. Users and pools are the same for all conditions, and a pool is the beginning of the
 * next larger one. Throws BumpError where a pool size needs more users, and what the judge throws.
 */
export async function judgeConditions(
  users: readonly PoolUser[],
  conditions: readonly ProfileCondition[],
  model: JudgeModel,
  config: JudgeConfig,
  options: JudgingOptions,
): Promise<PoolSizeScores[]> {
  const { positives, poolSizes, seed, store, signal } = options
  checkPoolSizes(users.length, poolSizes)
  const mismatch = mismatchedWith(users.length, seed)
  const scorer = createJudge(model, config, { store })
  // A judge of pairs scores equal pairs equally by itself.
  const judge = config.scorer === 'listwise' ? tiesAmongEquals(scorer) : scorer
  const sizes = poolSizes.map((negatives) => {
    const pools = drawPools(users, { positives, negatives, seed: ['evaluate', seed], excluded: (i) => mismatch[i] })
    return { negatives, pools, pooled: conditions.map((condition) => pooledProfiles(condition, pools, mismatch)) }
  })
  const requests = sizes.flatMap(({ pooled }) => pooled.map(judgeRequest))
  await ask(judge, workOf(requests, config, model.info.digest, store), options)

  const scored: PoolSizeScores[] = []
  for (const { negatives, pools, pooled } of sizes) {
    const perCondition: UserScores[][] = []
    for (const condition of pooled) {
      const { scores } = await scoreProfiles(condition, judge, { signal })
      perCondition.push(pools.map((pool, u) => userScores(scores[u][0], pool)))
    }
    scored.push({ negatives, chance: chanceScores(pools), scores: perCondition })
  }
  return scored
}

function pooledProfiles(
  { profiles, mismatched }: ProfileCondition,
  pools: readonly UserPool[],
  mismatch: readonly number[],
): PooledProfiles[] {
  return pools.map((pool, i) => ({
    pool,
    profiles: [profiles[mismatched ? mismatch[i] : i]],
    others: pool.others.map((j) => profiles[j]),
  }))
}

interface Work {
  unit: JudgingWork['unit']
  /** Units that the store already holds. */
  known: number
  /** Calls of the judge, each with the units that it settles. */
  calls: { request: JudgeRequest; units: number }[]
}

async function ask(judge: Judge, { unit, known, calls }: Work, options: JudgingOptions): Promise<void> {
  const total = calls.reduce((sum, { units }) => sum + units, known)
  options.onStart?.({ unit, total, known })
  let done = known
  options.onProgress?.(done, total)
  for (const { request, units } of calls) {
    if (options.signal?.aborted) throw new CancelledError()
    await judge.score(request, { signal: options.signal })
    done += units
    options.onProgress?.(done, total)
  }
}

/** What of the requests must be asked, in the units of the scorer. `digest`: of the judge's model. */
function workOf(requests: readonly JudgeRequest[], config: JudgeConfig, digest: string, store: ScoreStore): Work {
  if (config.scorer === 'listwise') return poolWork(requests)
  if (config.scorer === 'embedding')
    return textWork(requests, (kind, text) => store.get(encodingKey(config, digest, kind, text)) !== undefined)
  return pairWork(requests, (pair) => store.get(pairKey(config, digest, pair)) !== undefined)
}

/** Texts that are not known yet: an encoder reads each by itself, whatever it is compared with. */
function textWork(
  requests: readonly JudgeRequest[],
  known: (kind: 'profile' | 'interaction', text: string) => boolean,
): Work {
  const pools = (direction: 'forward' | 'backward') => requests.flatMap((request) => request[direction])
  const texts = (queries: readonly Pool[], candidates: readonly Pool[]) => [
    ...new Set([...queries.map(({ query }) => query), ...candidates.flatMap((pool) => pool.candidates)]),
  ]
  const profiles = texts(pools('forward'), pools('backward'))
  const interactions = texts(pools('backward'), pools('forward'))
  const missing = {
    profile: profiles.filter((text) => !known('profile', text)),
    interaction: interactions.filter((text) => !known('interaction', text)),
  }
  const left = missing.profile.length + missing.interaction.length
  const work: Work = { unit: 'texts', known: profiles.length + interactions.length - left, calls: [] }
  for (const [direction, query, texts] of [
    ['forward', profiles[0], missing.interaction],
    ['backward', interactions[0], missing.profile],
  ] as const)
    for (let at = 0; at < texts.length; at += PAIRS_AT_ONCE) {
      const candidates = texts.slice(at, at + PAIRS_AT_ONCE)
      const request = { forward: [], backward: [], [direction]: [{ query, candidates, seed: 0 }] }
      work.calls.push({ request, units: candidates.length })
    }
  return work
}

/** Pairs that are not known yet, row by row: the interactions that each profile is judged with, in any pool. */
function pairWork(
  requests: readonly JudgeRequest[],
  known: (pair: { profile: string; interaction: string }) => boolean,
): Work {
  const rows = new Map<string, Set<string>>()
  const add = (profile: string, interaction: string): void => {
    const row = rows.get(profile)
    if (row) row.add(interaction)
    else rows.set(profile, new Set([interaction]))
  }
  for (const { forward, backward } of requests) {
    for (const { query, candidates } of forward) for (const candidate of candidates) add(query, candidate)
    for (const { query, candidates } of backward) for (const candidate of candidates) add(candidate, query)
  }
  const work: Work = { unit: 'pairs', known: 0, calls: [] }
  let forward: Pool[] = []
  let units = 0
  const flush = (): void => {
    if (units > 0) work.calls.push({ request: { forward, backward: [] }, units })
    forward = []
    units = 0
  }
  for (const [query, row] of rows) {
    const missing = [...row].filter((interaction) => !known({ profile: query, interaction }))
    work.known += row.size - missing.length
    for (let at = 0; at < missing.length; ) {
      const candidates = missing.slice(at, at + PAIRS_AT_ONCE - units)
      forward.push({ query, candidates, seed: 0 })
      units += candidates.length
      at += candidates.length
      if (units === PAIRS_AT_ONCE) flush()
    }
  }
  flush()
  return work
}

/** Pools of a listwise judge, which reads each as a whole. Pools judged before cost no more than looking them up. */
function poolWork(requests: readonly JudgeRequest[]): Work {
  const work: Work = { unit: 'pools', known: 0, calls: [] }
  let request: { forward: Pool[]; backward: Pool[] } = { forward: [], backward: [] }
  let units = 0
  let candidates = 0
  const flush = (): void => {
    if (units > 0) work.calls.push({ request, units })
    request = { forward: [], backward: [] }
    units = 0
    candidates = 0
  }
  for (const { forward, backward } of requests)
    for (const [direction, pools] of [['forward', forward] as const, ['backward', backward] as const])
      for (const pool of pools) {
        request[direction].push(pool)
        units++
        candidates += pool.candidates.length
        if (candidates >= PAIRS_AT_ONCE) flush()
      }
  flush()
  return work
}

/**
 * A listwise judge, but candidates that all read alike tie without being shown: their order could only be its label
 * bias.
 */
function tiesAmongEquals(judge: Judge): Judge {
  const alike = ({ candidates }: Pool): boolean => candidates.every((candidate) => candidate === candidates[0])
  return {
    ...judge,
    async score({ forward, backward }, options) {
      const answer = await judge.score(
        { forward: forward.filter((pool) => !alike(pool)), backward: backward.filter((pool) => !alike(pool)) },
        options,
      )
      const filled = (pools: readonly Pool[], scores: number[][][]): number[][][] => {
        let next = 0
        return pools.map((pool) => (alike(pool) ? [pool.candidates.map(() => 0)] : scores[next++]))
      }
      return { ...answer, forward: filled(forward, answer.forward), backward: filled(backward, answer.backward) }
    },
  }
}

const METRICS = { ndcg: ndcgFromScores, mrr: reciprocalRankFromScores, recall1: recallAtOneFromScores }

function userScores(scores: Parameters<typeof measureRanking>[0], pool: UserPool): UserScores {
  const ndcg = measureRanking(scores, pool, METRICS.ndcg)
  const mrr = measureRanking(scores, pool, METRICS.mrr)
  const recall1 = measureRanking(scores, pool, METRICS.recall1)
  const of = (direction: Direction): RankScores => ({
    ndcg: ndcg[direction],
    mrr: mrr[direction],
    recall1: recall1[direction],
    gain: gainOverChance(ndcg[direction], pool.chance[direction]),
  })
  return { forward: of('forward'), backward: of('backward') }
}

/** A judge that cannot tell, in the same pools. */
function chanceScores(pools: readonly UserPool[]): UserScores {
  const users = pools.map((pool) =>
    userScores(
      {
        forward: [pool.interactions.map(() => 0)],
        backward: pool.positives.map(() => [[0, ...pool.others.map(() => 0)]]),
      },
      pool,
    ),
  )
  const of = (direction: Direction, metric: keyof RankScores) => mean(users.map((user) => user[direction][metric]))
  const both = (direction: Direction): RankScores => ({
    ndcg: of(direction, 'ndcg'),
    mrr: of(direction, 'mrr'),
    recall1: of(direction, 'recall1'),
    gain: 0,
  })
  return { forward: both('forward'), backward: both('backward') }
}
