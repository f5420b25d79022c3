// What every benchmark is made of: its rows and goals, the model it opens, and what it is fed.
import { Engine, type EngineOptions } from '../../src/engine/engine.ts'
import type { Device } from '../../src/engine/runtime/device.ts'
import { uniform } from '../../src/util/random.ts'
import { benchModel, QWEN25_05B, type Shape } from './shape.ts'

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

/** What the processor at hand can do, in the units of REFERENCE. */
export type Machine = typeof REFERENCE

/** Each case runs in a process of its own, so that peak memory belongs to it. */
export type Case = (machine: Machine, device: Device) => Promise<Row[]>

export const never = () => false
export const peakGB = () => process.resourceUsage().maxRSS / 1e6
export const trainable = { type: 'lora', rank: 16, alpha: 32 } as const
export const adam = { learningRate: 1e-5, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 }
export const ppo = { type: 'ppo', clipLow: 0.2, clipHigh: 0.2 } as const

/** How rows of a shape are named; SmolLM2-135M's are the plain ones. */
export const named = ({ name }: Shape, what: string) => (name === QWEN25_05B.name ? `Qwen2.5-0.5B: ${what}` : what)

export const openBench = (shape: Shape, options: EngineOptions) => Engine.open(benchModel(shape), options)

const next = uniform(1)
/** Random tokens that every shape has. */
export const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * 49152))

export const completion = (length: number) => ({
  tokens: tokens(length),
  advantage: next() - 0.5,
  weights: new Float32Array(length).fill(1 / 512),
  oldLogprobs: new Float32Array(length).fill(-10.8),
})
