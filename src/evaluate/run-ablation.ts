// The ablation of the reward as `bump ablate` runs it: every variant trained for every seed on the same users, finished
// runs kept, and one table of all of them. ablation.ts says what the variants are.
import { join } from 'node:path'
import { readingLine } from '../logs/load.ts'
import { openLogs } from '../logs/open.ts'
import { readProfileLines, readSummary } from '../run/read.ts'
import { type TrainConfig, trainConfigSchema } from '../train/config.ts'
import { type Baseline, readBaseline } from '../train/final-test.ts'
import { recordedConfig } from '../train/recorded-config.ts'
import { optionsOf, type TrainEvent, type TrainOptions, trainAfter } from '../train/train.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { requireOptions } from '../util/required.ts'
import { ablationTable, type Variant, type VariantRun, variantConfig } from './ablation.ts'
import type { EvaluationResult } from './result.ts'

export interface AblationOptions {
  /** What all runs share. */
  config: TrainConfig
  variants: readonly Variant[]
  /** Each trains every variant. */
  seeds: readonly number[]
  /** Folder of the run folders, `<name>-<variant>-s<seed>`. */
  runs: string
  engine?: TrainOptions['engine']
  judgeServer?: TrainOptions['judgeServer']
  /** The functions that `reward.added` of the configuration names: in every variant but no-added. */
  rewards?: TrainOptions['rewards']
  /** Ends the run under way at a clean checkpoint; the same call goes on. */
  signal?: AbortSignal
  onEvent?: (event: AblationEvent) => void
}

/**
 * `run`: the `index`-th of `total` runs begins, or was finished before; `left`: seconds for those to come, once known.
 */
export type AblationEvent =
  | TrainEvent
  | { type: 'run'; name: string; index: number; total: number; finished: boolean; left?: number }

/**
 * Trains what is missing and compares all of it. Throws BumpError where a run cannot be trained or is of other
 * settings, CancelledError where `signal` ended it.
 */
export async function runAblation(options: AblationOptions): Promise<Pick<EvaluationResult, 'tables' | 'settings'>> {
  requireOptions('runAblation()', options, ['config', 'variants', 'seeds', 'runs'])
  const { config: base, variants, seeds, signal, onEvent = () => {} } = options
  if (options.rewards && !base.reward.added)
    throw new BumpError('invalid-options', 'rewards: name them in reward.added of the configuration, too')
  const plan = seeds.flatMap((seed) =>
    variants.map((variant) => ({ variant, seed, config: variantConfig(base, variant, seed) })),
  )
  for (const { config } of plan) {
    const name = trainConfigSchema.shape.name.safeParse(config.name)
    if (!name.success)
      throw new BumpError(
        'invalid-options',
        `name: ${config.name}: ${name.error.issues[0].message}. Choose a shorter one`,
      )
  }
  const { testPaths, ...source } = base.logs
  onEvent({ type: 'note', text: readingLine(source) })
  const logs = await openLogs(source.paths, { ...source, signal })
  const testLogs = testPaths && (await openLogs(testPaths, { ...source, signal }))
  const runs: VariantRun[] = []
  const baselines = new Map<number, Baseline>()
  const spent: number[] = []
  try {
    for (const [index, { variant, seed, config }] of plan.entries()) {
      const folder = join(options.runs, config.name)
      const finished = readSummary(folder) !== undefined
      const left = spent.length === 0 ? undefined : ((plan.length - index) * sum(spent)) / spent.length
      onEvent({ type: 'run', name: config.name, index, total: plan.length, finished, left })
      // Greedy zero-shot profiles do not depend on the seed.
      const measured = config.profile.temperature === 0 ? 0 : seed
      const started = performance.now()
      const { summary } = await trainAfter(baselines.get(measured), {
        ...optionsOf(config, options.runs),
        logs,
        testLogs,
        engine: { ...config.engine, ...options.engine },
        judgeServer: options.judgeServer,
        rewards: config.reward.added && options.rewards,
        resume: true,
        signal,
        onEvent: (event) => {
          // The logs are the same for every run: they are told once.
          if (index === 0 || (event.type !== 'logs' && event.type !== 'users')) onEvent(event)
        },
      }).catch((error: unknown) => {
        if (!(error instanceof CancelledError)) throw error
        throw new CancelledError(`${config.name}: ${error.message}. The same command goes on.`)
      })
      if (!finished) spent.push((performance.now() - started) / 1000)
      if (!baselines.has(measured)) baselines.set(measured, readBaseline(folder, summary))
      runs.push({ variant, seed, summary, profiles: readProfileLines(folder) })
    }
  } finally {
    logs.close()
    if (testLogs) testLogs.close()
  }
  const [{ summary }] = runs
  return {
    tables: [ablationTable(runs, base.split.seed)],
    settings: {
      config: recordedConfig(base),
      variants,
      seeds,
      runs: plan.map(({ config }) => config.name),
      model: summary.model,
      judge: summary.judge,
      data: summary.data,
      trainingSeconds: Object.fromEntries(
        plan.map(({ config }, i) => [config.name, Math.round(sum(Object.values(runs[i].summary.seconds)))]),
      ),
    },
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
