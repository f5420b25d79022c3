// Run folders as bump train and bump sft write them, with made-up numbers, for tests of the report.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evenly } from '../series.ts'

const interval = (mean: number, half = 0.04) => ({ mean, low: mean - half, high: mean + half })
const directions = (mean: number, half?: number) => ({
  forward: interval(mean, half),
  backward: interval(mean, half),
  both: interval(mean, half),
})

export interface FolderOptions {
  steps?: number
  /** Text of every profile. */
  profile?: string
  /** Mean change of the NDCG from before to after. */
  change?: number
  finished?: boolean
  /** Rewards of the rollouts of every step. */
  rewards?: number[]
  /** Names of judges that took no part in the reward. */
  judges?: string[]
  /** As the header describes it; default: one judge. */
  judge?: Record<string, unknown>
  /** Of the header's configuration; default: the bidirectional reward. */
  reward?: Record<string, unknown>
  /** The checkpoint that was kept; default: the last. */
  bestStep?: number
}

const jsonLines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')

/** A profile generator's run. */
export function writeRun(path: string, options: FolderOptions = {}): string {
  const { steps = 40, profile = 'Likes tea.', change = 0.3, finished = true, judges = [], bestStep = steps } = options
  const { rewards = [0.9, 1.9, 1.1, 0.2] } = options
  mkdirSync(path, { recursive: true })
  const model = { name: 'models/nano', digest: 'abcdef0123', parameters: 2e6, trainableParameters: 2e6 }
  const header = {
    config: {
      name: 'tea',
      seed: 3,
      logs: { paths: ['data/tea.jsonl'] },
      reward: options.reward ?? { type: 'bidirectional', forwardWeight: 1, backwardWeight: 1, lengthBudget: 48 },
      optim: { steps },
    },
    package: { name: 'bump', version: '0.1.0' },
    model,
    judge: options.judge ?? { scorer: 'likelihood', ...model },
    data: { digest: 'd', train: 72, validation: 24, test: 64 },
  }
  writeFileSync(join(path, 'config.json'), JSON.stringify(header))
  const metrics = Array.from({ length: steps + 1 }, (_, step) => ({
    step,
    ...(step % 20 === 0
      ? { 'eval/forward': 0.5 + step / 9e6, 'eval/chance/forward': 0.473, 'time/validation': 1 }
      : {}),
    ...(step > 0 ? stepMetrics(step) : {}),
  }))
  writeFileSync(join(path, 'metrics.jsonl'), jsonLines(metrics))
  const rollouts = evenly(
    Array.from({ length: steps }, (_, i) => i + 1),
    9,
  ).flatMap((step) =>
    rewards.map((reward, rollout) => ({
      ...{ step, user: `user-${rollout}`, rollout, profile: `${rollout}: ${profile}`, reward },
      ...{ forward: reward / 2, backward: reward / 2, length: 0.125, copied: 0, tokens: 12, stop: 'stop' },
      ...{ advantage: reward - 1, kept: true },
    })),
  )
  writeFileSync(join(path, 'rollouts.jsonl'), jsonLines(rollouts))
  if (!finished) return path
  const side = (forward: number) => ({ profile, tokens: 12, forward, backward: forward })
  const pairs = Array.from({ length: 9 }, (_, i) => ({
    user: `test-${i}`,
    before: side(0.5),
    after: side(0.1 * (i + 1)),
  }))
  writeFileSync(join(path, 'profiles.jsonl'), jsonLines(pairs))
  const summary = {
    before: directions(0.5),
    after: directions(0.5 + change),
    difference: directions(change, 0.06),
    controls: { history: directions(0.9), mismatched: directions(0.48) },
    chance: { forward: 0.473, backward: 0.473 },
    ...{ users: 64, steps, bestStep, seed: 3, seconds: { rollout: 10, judge: 20 }, peakMemoryBytes: 1e9 },
    ...{
      model,
      judge: header.judge,
      data: header.data,
      ...(judges.length > 0 ? { judges: judges.map(judgedBy) } : {}),
    },
  }
  writeFileSync(join(path, 'summary.json'), JSON.stringify(summary))
  return path
}

const judgedBy = (name: string) => ({
  ...{ name, judge: { name: `models/${name}-model` }, rewarded: false },
  ...{ before: directions(0.55), after: directions(0.65), difference: directions(0.1, 0.06) },
})

function stepMetrics(step: number): Record<string, number | null> {
  const wave = Math.sin(step)
  return {
    reward: 1 + 0.1 * wave,
    loss: 0.01 * wave,
    'rewards/forward/mean': 0.6 + 0.1 * wave,
    'rewards/backward/mean': 0.6 - 0.1 * wave,
    'chance/forward': 0.494,
    'chance/backward': 0.494,
    dropped_groups: Math.abs(wave),
    'completions/mean_length': 20 + wave,
    'completions/min_length': 10 + wave,
    'completions/max_length': 30 + wave,
    'completions/clipped_ratio': Math.abs(wave) / 10,
    entropy: 2 + wave,
    kl: null,
    'clip_ratio/region_mean': 0,
    grad_norm: 1 + wave,
    learning_rate: 1e-4 / step,
    'time/rollout': 1,
    'time/judge': 2,
    'time/train': 3,
  }
}

/** A run of bump sft. */
export function writeSftRun(path: string): string {
  mkdirSync(path, { recursive: true })
  const config = { name: 'sft', seed: 1, task: 5, data: 'data/LaMP_5', condition: 'bump', optim: { epochs: 1 } }
  const model = { name: 'nano', digest: 'abc', parameters: 2e6, trainableParameters: 1e5 }
  const header = { kind: 'sft', config, package: { name: 'bump', version: '0.1.0' }, model, data: { train: 40 } }
  writeFileSync(join(path, 'config.json'), JSON.stringify(header))
  const metrics = Array.from({ length: 21 }, (_, step) => ({
    step,
    ...(step % 5 === 0 ? { eval_loss: 3 - step / 20 } : {}),
    ...(step > 0 ? { loss: 3 - step / 30, learning_rate: 1e-4, step_time: 1 } : {}),
  }))
  writeFileSync(join(path, 'metrics.jsonl'), jsonLines(metrics))
  const summary = { rebuilt: true, steps: 20, bestStep: 20, seconds: { train: 20 }, peakMemoryBytes: 1e9 }
  writeFileSync(join(path, 'summary.json'), JSON.stringify(summary))
  return path
}

/** A result.json with two conditions more than `rows`, whose difference is `change`. */
export function writeEvaluation(
  path: string,
  options: { rows?: number; tables?: number; note?: string; plots?: boolean } = {},
): string {
  const { rows = 0, tables = 1, note = 'The judge is the judge of the training.', plots = false } = options
  const values = (mean: number) => ({ ndcg: interval(mean), mae: interval(1 - mean) })
  const conditions = ['none', 'bump', ...Array.from({ length: rows }, (_, i) => `other-${i}`)]
  const table = {
    title: 'K = 8',
    notes: [note],
    metrics: [
      { key: 'ndcg', label: 'NDCG forward', higherIsBetter: true, chance: 0.473 },
      { key: 'mae', label: 'MAE', higherIsBetter: false, chance: null },
    ],
    rows: conditions.map((condition, i) => ({
      condition,
      label: `Condition ${condition}`,
      n: 100,
      values: values(0.5 + 0.3 * (i % 2)),
    })),
    differences: conditions
      .slice(1)
      .map((a) => ({ a, b: 'none', values: { ndcg: interval(0.3), mae: interval(-0.01) } })),
    plots: [
      {
        title: 'Membership',
        caption: 'Each threshold is a point.',
        x: 'others mistaken',
        y: 'members found',
        lines: [
          { label: 'attack', points: Array.from({ length: 301 }, (_, i) => [i / 300, Math.sqrt(i / 300)]) },
          { label: 'guessing', points: [0, 1].map((at) => [at, at]), reference: true },
        ],
      },
    ].slice(plots ? 0 : 1),
  }
  const head = { kind: 'profiles', createdAt: '2026-01-02T03:04:05Z', command: 'bump evaluate profiles --run runs/tea' }
  const result = { ...head, seconds: 12, tables: Array(tables).fill(table), settings: { seed: 1 } }
  writeFileSync(path, JSON.stringify(result))
  return path
}
