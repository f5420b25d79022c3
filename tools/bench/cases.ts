// The measurements, each on a fresh engine in a process of its own, so that peak memory belongs to it.
import { availableParallelism } from 'node:os'
import { Engine } from '../../src/engine/engine.ts'
import { uniform } from '../../src/util/random.ts'
import { decodingProducts, matmulPeak, memoryBandwidth } from './machine.ts'
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
  const engine = await Engine.open(benchModel(), { trainable, memory: 2e9 })
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

/** What a decoding step at batch 1 cannot go below: its matrix products, in a graph of nothing else. */
async function products(): Promise<Row[]> {
  const { seconds, bytes } = await decodingProducts(SMOLLM2_135M, availableParallelism())
  const figure = `${(seconds * 1000).toFixed(1)} ms, ${(bytes / seconds / 1e9).toFixed(1)} GB/s`
  return [{ what: 'the products of a decoding step alone, batch 1', figure }]
}

/** Goals are those of f32. */
async function inference(quantize: 'none' | 'int8'): Promise<Row[]> {
  const engine = await Engine.open(benchModel(), { quantize })
  const suffix = quantize === 'none' ? '' : `, ${quantize}`
  const rows: Row[] = []
  const P = 300
  const prompts = Array.from({ length: 4 }, () => tokens(P + 1))
  const prefill = await medianSeconds(async () => {
    await engine.labelLogits(prompts, [1], 'base', never)
  }, 3)
  const prefillSpeed = (4 * P) / prefill
  rows.push({
    what: `prefill ${P}${suffix}`,
    figure: `${prefillSpeed.toFixed(0)} tok/s`,
    goals: [{ unit: 'tok/s', value: 1200, measured: prefillSpeed, bound: 'compute' }],
  })
  const sampling = { temperature: 1, stopTokens: [] }
  for (const [users, B, goal, bound] of [
    [1, 1, 55, 'memory'],
    [1, 8, 280, 'compute'],
    [1, 32, 550, 'compute'],
    [8, 64, 768, 'compute'],
  ] as const) {
    const jobs = Array.from({ length: users }, () => ({
      prompt: tokens(P),
      seeds: Array.from({ length: B / users }, (_, i) => i),
    }))
    const time = (maxTokens: number) =>
      medianSeconds(async () => {
        await engine.sample(jobs, { ...sampling, maxTokens }, 'base', never, () => {})
      }, 3)
    // The prompt's time and the first token's fall out of the difference.
    const step = ((await time(64)) - (await time(8))) / 56
    rows.push({
      what: `decode on ${users === 1 ? 'one prompt' : `${users} prompts`} of ${P}, batch ${B}${suffix}`,
      figure: `${(B / step).toFixed(0)} tok/s (${(step * 1000).toFixed(1)} ms a step)`,
      goals: [{ unit: 'tok/s', value: goal, measured: B / step, bound }],
    })
  }
  const jobs = [{ prefix: tokens(P), continuations: Array.from({ length: 32 }, () => tokens(20)) }]
  const shared = await medianSeconds(async () => {
    await engine.score(jobs, 'base', {}, never)
  }, 5)
  rows.push({
    what: `judge: 32 texts of 20 tokens after one of ${P}${suffix}`,
    figure: `${(32 / shared).toFixed(0)} pairs/s`,
    goals: [{ unit: 'pairs/s', value: 30, measured: 32 / shared, bound: 'compute' }],
  })
  if (quantize === 'none') {
    const [{ prefix, continuations }] = jobs
    const apart = await medianSeconds(async () => {
      // Another first token each: nothing is shared.
      const alone = continuations.map((text, i) => ({ prefix: [i, ...prefix.slice(1)], continuations: [text] }))
      await engine.score(alone, 'base', {}, never)
    }, 1)
    rows.push({
      what: 'the same, prefix repeated',
      figure: `${(apart / shared).toFixed(1)}× the shared time`,
      goals: [{ unit: '×', value: 12, measured: apart / shared, bound: 'nothing' }],
    })
  }
  return rows
}

/** Pairs a second of each scorer, in prompts of its shape: 8 profiles of 64 tokens, 9 candidates of 25 each. */
async function judges(): Promise<Row[]> {
  const engine = await Engine.open(benchModel())
  const [instruction, label] = [tokens(40), tokens(3)]
  const profiles = Array.from({ length: 8 }, () => tokens(64))
  const candidates = Array.from({ length: 9 }, () => tokens(25))
  const labels = tokens(candidates.length)
  const orders = Array.from({ length: 3 }, (_, order) =>
    candidates.flatMap((_, i) => [...label, ...candidates[(i + order) % candidates.length]]),
  )
  const pointwise = profiles.flatMap((profile) =>
    candidates.map((candidate) => [...instruction, ...profile, ...candidate, ...label]),
  )
  const listwise = profiles.flatMap((profile) => orders.map((order) => [...instruction, ...profile, ...order]))
  const permutation = {
    maxTokens: labels.length,
    temperature: 0,
    stopTokens: [],
    allowed: { steps: [labels], distinct: true },
  }
  const scorers: [string, () => Promise<unknown>][] = [
    [
      'likelihood',
      () =>
        engine.score(
          profiles.map((profile) => ({ prefix: [...label, ...profile], continuations: candidates })),
          'base',
          {},
          never,
        ),
    ],
    ['pointwise', () => engine.labelLogits(pointwise, labels.slice(0, 2), 'base', never)],
    ['listwise, first token, 3 orders', () => engine.labelLogits(listwise, labels, 'base', never)],
    [
      'listwise, permutation, 3 orders',
      () =>
        engine.sample(
          listwise.map((prompt) => ({ prompt, seeds: [0] })),
          permutation,
          'base',
          never,
          () => {},
        ),
    ],
  ]
  const rows: Row[] = []
  for (const [name, work] of scorers) {
    const seconds = await medianSeconds(async () => {
      await work()
    }, 3)
    const pairs = profiles.length * candidates.length
    rows.push({
      what: `judge, ${name}: 8 profiles of 64 tokens, 9 candidates of 25`,
      figure: `${(pairs / seconds).toFixed(1)} pairs/s`,
    })
  }
  return rows
}

interface StepShape {
  users: number
  rollouts: number
  prompt: number
  completion: number
  /** Of 25 tokens each, after a profile and 8 tokens more. */
  candidates: number
}

/** Seconds of one GRPO step by phase. */
async function stepSeconds(engine: Engine, shape: StepShape): Promise<Record<string, number>> {
  const { users, rollouts: G, completion: T } = shape
  const prompts = Array.from({ length: users }, () => tokens(shape.prompt))
  const seconds: Record<string, number> = {}
  const clock = async <R>(phase: string, work: () => Promise<R> | R) => {
    const started = performance.now()
    const result = await work()
    seconds[phase] = (performance.now() - started) / 1000
    return result
  }
  const seeds = Array.from({ length: G }, (_, i) => i)
  const sampling = { maxTokens: T, temperature: 1, stopTokens: [] }
  const rollouts = await clock('rollout', () =>
    engine.sample(
      prompts.map((prompt) => ({ prompt, seeds })),
      sampling,
      'policy',
      never,
      () => {},
    ),
  )
  const pool = Array.from({ length: shape.candidates }, () => tokens(25))
  const jobs = rollouts.flat().map((r) => ({ prefix: [...tokens(8), ...r.tokens], continuations: pool }))
  await clock('judge', () => engine.score(jobs, 'base', {}, never))
  await clock('train', () =>
    engine.forwardBackward(
      prompts.map((prompt, u) => ({
        prompt,
        completions: rollouts[u].map((r) => ({ ...completion(T), tokens: r.tokens, oldLogprobs: r.logprobs })),
      })),
      ppo,
      never,
    ),
  )
  await clock('optimiser', () => engine.optimStep(adam))
  return seconds
}

const total = (seconds: Record<string, number>) => Object.values(seconds).reduce((a, b) => a + b, 0)
const byPhase = (seconds: Record<string, number>) =>
  Object.entries(seconds)
    .map(([phase, s]) => `${phase} ${s.toFixed(1)}`)
    .join(', ')

/** B=8 users, G=8 rollouts, prompt 300, completion 64, likelihood judge with 9 candidates of 25 tokens. */
async function step(): Promise<Row[]> {
  const engine = await Engine.open(benchModel(), { trainable })
  const shape = { users: 8, rollouts: 8, prompt: 300, completion: 64, candidates: 9 }
  await stepSeconds(engine, { ...shape, users: 2 })
  const seconds = await stepSeconds(engine, shape)
  return [
    {
      what: 'a GRPO step: 8 users × 8 rollouts, 300+64, 9 candidates of 25',
      figure: `${total(seconds).toFixed(1)} s (${byPhase(seconds)}), peak ${peakGB().toFixed(1)} GB`,
      goals: [{ unit: 's', value: 30, measured: total(seconds), bound: 'compute', atMost: true }],
    },
  ]
}

/** What a step costs more when one of its sizes is doubled. */
async function growth(): Promise<Row[]> {
  const engine = await Engine.open(benchModel(), { trainable })
  const base: StepShape = { users: 4, rollouts: 4, prompt: 150, completion: 32, candidates: 5 }
  await stepSeconds(engine, { ...base, users: 2 })
  const whole = await stepSeconds(engine, base)
  const rows: Row[] = [
    {
      what: 'a small step: 4 users × 4 rollouts, 150+32, 5 candidates',
      figure: `${total(whole).toFixed(1)} s (${byPhase(whole)})`,
    },
  ]
  for (const [size, name] of [
    ['users', 'users (B)'],
    ['rollouts', 'rollouts (G)'],
    ['candidates', 'candidates (K + 1)'],
    ['prompt', 'prompt tokens'],
    ['completion', 'completion tokens'],
  ] as const) {
    const seconds = await stepSeconds(engine, { ...base, [size]: 2 * base[size] })
    rows.push({
      what: `the same with twice the ${name}`,
      figure: `${(total(seconds) / total(whole)).toFixed(2)}× the time (${byPhase(seconds)})`,
    })
  }
  return rows
}

export const CASES: Record<string, (machine: Machine) => Promise<Row[]>> = {
  train,
  layerWise,
  packed,
  products,
  inference: () => inference('none'),
  int8: () => inference('int8'),
  judges,
  step,
  growth,
}
