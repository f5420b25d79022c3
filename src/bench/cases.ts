// The measurements, each on a fresh engine in a process of its own, so that peak memory belongs to it.
import { availableParallelism } from 'node:os'
import { Engine } from '../engine/engine.ts'
import { uniform } from '../util/random.ts'
import { matmulPeak, memoryBandwidth } from './machine.ts'
import { benchModel, SMOLLM2_135M, trainFlops } from './shape.ts'
import { median, medianSeconds } from './timing.ts'

/**
 * A figure to reach. Speeds were set on a machine of REFERENCE's speed; `bound` says what they scale with on another:
 * its MatMul throughput or its memory bandwidth. Ratios and bytes scale with nothing.
 */
export interface Goal {
  unit: string
  value: number
  measured: number
  bound: 'compute' | 'memory' | 'nothing'
  /** The measured figure must be at most the goal. Default: at least. */
  atMost?: boolean
}

/** MatMul throughput (GFLOP/s) and memory read (GB/s) of the machine that the goals were set on. */
export const REFERENCE = { compute: 400, memory: 38.5 }

/** One line of the table. */
export interface Row {
  what: string
  figure: string
  goals?: Goal[]
}

/** What the machine at hand can do, in the units of REFERENCE. */
export type Machine = typeof REFERENCE

const never = () => false
const next = uniform(1)
const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * SMOLLM2_135M.vocab))
const peakGB = () => process.resourceUsage().maxRSS / 1e6
const trainable = { type: 'lora', rank: 16, alpha: 32 } as const
const adam = { learningRate: 1e-5, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 }
const ppo = { type: 'ppo', clipLow: 0.2, clipHigh: 0.2 } as const

const completion = (length: number) => ({
  tokens: tokens(length),
  advantage: next() - 0.5,
  weights: new Float32Array(length).fill(1 / 512),
  oldLogprobs: new Float32Array(length).fill(-10.8),
})

/** Measured first; every other case gets the result. */
export async function measureMachine(): Promise<Machine> {
  const threads = availableParallelism()
  return { compute: await matmulPeak(threads), memory: await memoryBandwidth(threads) }
}

/** Two sequences of 256 tokens: tok/s and a description with the peak memory of this process. */
async function trainSpeed(engine: Engine, peak: number, before: number): Promise<{ speed: number; figure: string }> {
  const groups = [0, 1].map(() => ({ prompt: tokens(1), completions: [completion(256)] }))
  const seconds = await medianSeconds(async () => {
    await engine.forwardBackward(groups, ppo, never)
  }, 5)
  const rows = 2 * 256
  const gflops = trainFlops(rows, rows, 2 * 256 * 256) / seconds / 1e9
  return {
    speed: rows / seconds,
    figure: `${(rows / seconds).toFixed(0)} tok/s, ${gflops.toFixed(0)} GFLOP/s (${((100 * gflops) / peak).toFixed(0)} % of MatMul), peak ${peakGB().toFixed(1)} GB (${before.toFixed(1)} before the model)`,
  }
}

async function train({ compute: peak }: Machine): Promise<Row[]> {
  const before = peakGB()
  const engine = await Engine.open(benchModel(), { trainable })
  const { speed, figure } = await trainSpeed(engine, peak, before)
  const steps: number[] = []
  for (let i = 0; i < 4; i++) {
    await engine.forwardBackward([{ prompt: tokens(1), completions: [completion(4)] }], ppo, never)
    const started = performance.now()
    engine.optimStep(adam)
    steps.push(performance.now() - started)
  }
  return [
    {
      what: 'train 2×256, logits everywhere',
      figure,
      goals: [
        { unit: 'tok/s', value: 450, measured: speed, bound: 'compute' },
        { unit: 'GB', value: 3, measured: peakGB(), bound: 'nothing', atMost: true },
      ],
    },
    { what: 'AdamW, 4.9 M parameters', figure: `${median(steps.slice(1)).toFixed(0)} ms` },
  ]
}

/** The useful operations are counted, not the second forward pass. */
async function layerWise({ compute: peak }: Machine): Promise<Row[]> {
  const before = peakGB()
  const engine = await Engine.open(benchModel(), { trainable, memory: 1.5e9 })
  const { speed, figure } = await trainSpeed(engine, peak, before)
  return [
    {
      what: 'the same, layer by layer',
      figure,
      goals: [
        { unit: 'tok/s', value: 300, measured: speed, bound: 'compute' },
        { unit: 'GB', value: 1.5, measured: peakGB(), bound: 'nothing', atMost: true },
      ],
    },
  ]
}

async function packed({ compute: peak }: Machine): Promise<Row[]> {
  const engine = await Engine.open(benchModel(), { trainable })
  const [P, G, T] = [300, 8, 64]
  const prompt = tokens(P)
  const completions = Array.from({ length: G }, () => completion(T))
  const time = (groups: Parameters<Engine['forwardBackward']>[0]) =>
    medianSeconds(async () => {
      await engine.forwardBackward(groups, ppo, never)
    }, 3)
  const together = await time([{ prompt, completions }])
  const memory = peakGB()
  const apart = await time(completions.map((one) => ({ prompt, completions: [one] })))
  const rows = P + G * (T - 1)
  const gflops = trainFlops(rows, G * T, P * P + G * T * (P + T)) / together / 1e9
  return [
    {
      what: `train a group ${P}+${G}×${T}, prompt shared`,
      figure: `${(together * 1000).toFixed(0)} ms, ${(rows / together).toFixed(0)} tok/s, ${gflops.toFixed(0)} GFLOP/s (${((100 * gflops) / peak).toFixed(0)} % of MatMul), peak ${memory.toFixed(1)} GB`,
    },
    {
      what: 'the same, prompt repeated',
      figure: `${(apart * 1000).toFixed(0)} ms: ${(apart / together).toFixed(2)}× the shared time`,
      goals: [{ unit: '×', value: 3, measured: apart / together, bound: 'nothing' }],
    },
  ]
}

async function inference(): Promise<Row[]> {
  const engine = await Engine.open(benchModel())
  const rows: Row[] = []
  const P = 300
  const prompts = Array.from({ length: 4 }, () => tokens(P + 1))
  const prefill = await medianSeconds(async () => {
    await engine.labelLogits(prompts, [1], 'base', never)
  }, 3)
  const prefillSpeed = (4 * P) / prefill
  rows.push({
    what: `prefill ${P}`,
    figure: `${prefillSpeed.toFixed(0)} tok/s`,
    goals: [{ unit: 'tok/s', value: 1200, measured: prefillSpeed, bound: 'compute' }],
  })
  const sampling = { temperature: 1, topP: 1, topK: 0, stopTokens: [] }
  for (const [B, goal, bound] of [
    [1, 55, 'memory'],
    [8, 280, 'compute'],
    [32, 550, 'compute'],
  ] as const) {
    const time = (maxTokens: number) => {
      const jobs = [{ prompt: prompts[0], seeds: Array.from({ length: B }, (_, i) => i) }]
      return medianSeconds(async () => {
        await engine.sample(jobs, { ...sampling, maxTokens }, 'base', never, () => {})
      }, 3)
    }
    // The prompt's time and the first token's fall out of the difference.
    const step = ((await time(64)) - (await time(8))) / 56
    rows.push({
      what: `decode on one prompt of ${P}, batch ${B}`,
      figure: `${(B / step).toFixed(0)} tok/s (${(step * 1000).toFixed(1)} ms a step)`,
      goals: [{ unit: 'tok/s', value: goal, measured: B / step, bound }],
    })
  }
  const jobs = [{ prefix: tokens(P), continuations: Array.from({ length: 32 }, () => tokens(20)) }]
  const shared = await medianSeconds(async () => {
    await engine.score(jobs, 'base', false, never)
  }, 5)
  rows.push({
    what: `judge: 32 texts of 20 tokens after one of ${P}`,
    figure: `${(32 / shared).toFixed(0)} pairs/s`,
    goals: [{ unit: 'pairs/s', value: 30, measured: 32 / shared, bound: 'compute' }],
  })
  return rows
}

/** B=8 users, G=8 rollouts, prompt 300, completion 64, likelihood judge with 9 candidates of 25 tokens. */
async function step(): Promise<Row[]> {
  const engine = await Engine.open(benchModel(), { trainable })
  const prompts = Array.from({ length: 8 }, () => tokens(300))
  const seconds = { rollout: 0, judge: 0, train: 0, optimiser: 0 }
  const clock = async <T>(phase: keyof typeof seconds, work: () => Promise<T> | T) => {
    const started = performance.now()
    const result = await work()
    seconds[phase] = (performance.now() - started) / 1000
    return result
  }
  for (let run = 0; run < 2; run++) {
    const sampling = { maxTokens: 64, temperature: 1, topP: 1, topK: 0, stopTokens: [] }
    const rollouts = await clock('rollout', () =>
      engine.sample(
        prompts.map((prompt) => ({ prompt, seeds: [0, 1, 2, 3, 4, 5, 6, 7] })),
        sampling,
        'policy',
        never,
        () => {},
      ),
    )
    const pool = Array.from({ length: 9 }, () => tokens(25))
    const jobs = rollouts.flat().map((r) => ({ prefix: [...tokens(8), ...r.tokens], continuations: pool }))
    await clock('judge', () => engine.score(jobs, 'base', false, never))
    await clock('train', () =>
      engine.forwardBackward(
        prompts.map((prompt, u) => ({
          prompt,
          completions: rollouts[u].map((r) => ({ ...completion(64), tokens: r.tokens, oldLogprobs: r.logprobs })),
        })),
        ppo,
        never,
      ),
    )
    await clock('optimiser', () => engine.optimStep(adam))
  }
  const total = Object.values(seconds).reduce((a, b) => a + b, 0)
  return [
    {
      what: 'a GRPO step: 8 users × 8 rollouts, 300+64, 9 candidates of 25',
      figure: `${total.toFixed(1)} s (${Object.entries(seconds)
        .map(([phase, s]) => `${phase} ${s.toFixed(1)}`)
        .join(', ')}), peak ${peakGB().toFixed(1)} GB`,
      goals: [{ unit: 's', value: 30, measured: total, bound: 'compute', atMost: true }],
    },
  ]
}

export const CASES: Record<string, (machine: Machine) => Promise<Row[]>> = { train, layerWise, packed, inference, step }
