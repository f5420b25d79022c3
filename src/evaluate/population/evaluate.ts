// How well a person is found among ever more people: what `bump evaluate population` does. The query is a profile, the
// pool holds one later interaction of its person and one of each of N others, who need no profile: so they may be all
// people of the logs. <out> gets result.json, and keeps profiles and scores by content.
import { basename, join } from 'node:path'
import { createJudge, judgeName } from '../../judge/judge.ts'
import { ScoreFile } from '../../judge/score-file.ts'
import type { Judge } from '../../judge/types.ts'
import { loadUsers } from '../../logs/load.ts'
import { normaliseText } from '../../logs/normalise.ts'
import type { LogSource, User } from '../../logs/types.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { chanceNdcg, ndcgFromScores } from '../../reward/ndcg.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { seedFrom, shuffled } from '../../util/random.ts'
import { mean } from '../../util/stats.ts'
import { mismatchedWith } from '../measure/controls.ts'
import { recallAtOneFromScores, recallFromScores } from '../measure/rank-metrics.ts'
import type { ProfileCondition } from '../profiles/conditions.ts'
import { type ProfileEvaluationOptions, profileEvaluation } from '../profiles/evaluation.ts'
import { judgeNotes, judgeRecord } from '../profiles/judges.ts'
import type { Plan } from '../profiles/plan.ts'
import type { EvaluationResult, ResultMetric, ResultTable } from '../result.ts'
import { type MeasuredCondition, userTable } from '../user-table.ts'

/** How many others a person is found among where no numbers are named, as far as the logs have them. */
export const DEFAULT_SIZES = [10, 100, 1000] as const
/** Of a judge that reads each pair: fewer users, among fewer others. */
const PAIRS = { users: 24, others: 100 }

export interface PopulationOptions extends ProfileEvaluationOptions {
  /** Numbers of others, ascending; default: those of `DEFAULT_SIZES` that fit. */
  sizes?: readonly number[]
}

/**
 * One table for each judge; also written to `out`. Throws BumpError where options do not belong together, a run, log or
 * model cannot be used, users were in the training of a run, or the logs have fewer people than a size takes;
 * CancelledError where the signal aborts, with what was done kept.
 */
export async function evaluatePopulation(options: PopulationOptions): Promise<EvaluationResult> {
  const frame = { kind: 'population', name: 'evaluatePopulation', kinds: KINDS, usersOfPairs: PAIRS.users } as const
  return await profileEvaluation(frame, options, async ({ plan, models, onProgress, collect }) => {
    const { out, seed = 0, signal } = options
    const others = await populationOf(plan, signal)
    const pairs = plan.judges.some(({ config }) => config.scorer !== 'embedding')
    const sizes = sizesOf(options, others, pairs ? PAIRS.others : Number.POSITIVE_INFINITY)
    const collected = await collect()
    const pools = poolsOf(collected.users, others, sizes.at(-1)!, seed)
    const tables: ResultTable[] = []
    for (const { model, config } of plan.judges)
      await models.judge(
        model,
        config,
        async (reader) => {
          const judge = createJudge(reader, config, { store: new ScoreFile(join(out, 'scores.jsonl')) })
          const measured = await found(pools, collected.conditions, judge, sizes, {
            signal,
            onProgress: (done, total) => onProgress('finding people', done, total),
          })
          const by = `the ${judgeName(config)} scorer on ${basename(reader.info.name)}`
          const notes = [
            `${collected.users.length} users, each among one later interaction of each of N others, who are drawn from ${others.length} people of the logs; means with 95 % intervals. A smaller pool is a part of the larger ones.`,
            ...judgeNotes(judgeRecord(reader.info, config), plan.runs),
          ]
          tables.push(populationTable(`Found among many people: ${by}`, notes, measured, sizes, seed))
        },
        { quantize: plan.config.quantize },
      )
    return { tables, collected, settings: { population: others.length, sizes } }
  })
}

const KINDS = ['history', 'zero-shot', 'run', 'mismatched'] as const

/** One person's interaction, of whom the judge sees nothing else. */
interface Other {
  id: string
  text: string
}

/** Everybody in the logs of the users and, where a run is named, of its training. */
async function populationOf({ source, config, runs, users }: Plan, signal?: AbortSignal): Promise<Other[]> {
  const { testPaths, ...training } = config.logs
  const sources: LogSource[] = runs.length > 0 ? [source, training] : [source]
  const known = new Map<string, Other>()
  const add = (user: User) => known.set(user.id, { id: user.id, text: user.heldOut[0].text })
  for (const each of sources) {
    const { split } = await loadUsers(each, { ...config.split, validation: 0, test: 0 }, signal)
    for (const user of split.train) if (!known.has(user.id)) add(user)
  }
  for (const user of users) add(user)
  return [...known.values()]
}

/** A pool has each text once, so of people with the same one only one can be in it. */
function sizesOf({ sizes }: PopulationOptions, others: readonly Other[], usual: number): readonly number[] {
  const texts = new Set(others.map(({ text }) => normaliseText(text))).size
  const most = texts - 2
  const people = `${others.length} people${texts < others.length ? ` with ${texts} different interactions` : ''}`
  if (sizes) {
    const large = sizes.filter((size) => size > most)
    if (sizes.length > 0 && large.length === 0) return [...sizes].sort((a, b) => a - b)
    throw new BumpError(
      'invalid-options',
      `sizes: ${large.join(', ') || 'none'}: the logs have ${people}, so the largest is ${most} (all but the person and the one whose profile is the mismatched control)`,
    )
  }
  const fitting = DEFAULT_SIZES.filter((size) => size <= Math.min(most, usual))
  if (fitting.length > 0) return fitting
  if (most >= 1) return [most]
  throw new BumpError(
    'too-few-users',
    `to be found among others takes at least 3 people with different interactions, but there are ${people}`,
  )
}

interface PersonPool {
  /** [1 + N] the person's own interaction first. */
  texts: string[]
  /** Whose profile is the mismatched control: that user gives nothing to this pool. */
  mismatch: number
}

function poolsOf(users: readonly User[], others: readonly Other[], size: number, seed: number): PersonPool[] {
  const mismatch = mismatchedWith(users.length, seed)
  return users.map(({ id, heldOut }, u) => {
    const own = heldOut[0].text
    const seen = new Set([normaliseText(own)])
    const texts = [own]
    for (const other of shuffled(others, seedFrom('population', seed, id))) {
      if (texts.length > size) break
      const key = normaliseText(other.text)
      if (other.id === id || other.id === users[mismatch[u]].id || seen.has(key)) continue
      seen.add(key)
      texts.push(other.text)
    }
    return { texts, mismatch: mismatch[u] }
  })
}

/** An empty profile tells nothing: all tie. */
async function found(
  pools: readonly PersonPool[],
  conditions: readonly ProfileCondition[],
  judge: Judge,
  sizes: readonly number[],
  { signal, onProgress }: { signal?: AbortSignal; onProgress: (done: number, total: number) => void },
): Promise<MeasuredCondition[]> {
  let done = 0
  const measured: MeasuredCondition[] = []
  for (const { key: condition, label, profiles, mismatched } of conditions) {
    const values: Record<string, number[]> = {}
    for (const [u, { texts, mismatch }] of pools.entries()) {
      if (signal?.aborted) throw new CancelledError()
      const query = profiles[mismatched ? mismatch : u]
      const scores = isEmptyProfile(query)
        ? texts.map(() => 0)
        : (await judge.score({ forward: [{ query, candidates: texts, seed: 0 }], backward: [] }, { signal }))
            .forward[0][0]
      for (const size of sizes) {
        const part = scores.slice(0, size + 1)
        const relevant = part.map((_, candidate) => candidate === 0)
        for (const [name, metric] of Object.entries(METRICS)) {
          const key = `${name}_${size}`
          values[key] = [...(values[key] ?? []), metric(part, relevant)]
        }
      }
      onProgress(++done, conditions.length * pools.length)
    }
    measured.push({ condition, label, values })
  }
  return measured
}

const METRICS = {
  recall1: recallAtOneFromScores,
  recall10: (scores: readonly number[], relevant: readonly boolean[]) => recallFromScores(10, scores, relevant),
  ndcg: ndcgFromScores,
}

function populationTable(
  title: string,
  notes: string[],
  measured: readonly MeasuredCondition[],
  sizes: readonly number[],
  seed: number,
): ResultTable {
  const metric = (key: string, label: string, chance: number): ResultMetric => ({
    key,
    label,
    higherIsBetter: true,
    chance,
  })
  const metrics = sizes.flatMap((size) => [
    metric(`recall1_${size}`, `recall@1, N = ${size}`, 1 / (size + 1)),
    metric(`recall10_${size}`, `recall@10, N = ${size}`, Math.min(1, 10 / (size + 1))),
    metric(`ndcg_${size}`, `NDCG, N = ${size}`, chanceNdcg(1, size)),
  ])
  const curve = (label: string, of: (size: number) => number, reference?: boolean) => ({
    label,
    points: sizes.map((size): [number, number] => [Math.log10(size), of(size)]),
    reference,
  })
  return {
    ...userTable({ title, notes, metrics }, measured, seed),
    plots: [
      {
        title: 'Found in the first place',
        caption: 'Share of people whose own interaction comes first, by how many others there are.',
        x: 'others, log10',
        y: 'recall@1',
        lines: [
          ...measured.map(({ label, values }) => curve(label, (size) => mean(values[`recall1_${size}`]))),
          curve('chance', (size) => 1 / (size + 1), true),
        ],
      },
    ],
  }
}
