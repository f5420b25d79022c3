// Whole GRPO steps: rollout, judge, training and optimiser on the engine, without text.
import type { Engine, EngineOptions } from '../../src/engine/engine.ts'
import type { Device } from '../../src/engine/runtime/device.ts'
import type { TokenIds } from '../../src/model/contract.ts'
import {
  adam,
  type Case,
  completion,
  named,
  never,
  openBench,
  peakGB,
  ppo,
  type Row,
  tokens,
  trainable,
} from './case.ts'
import { compareAll, openBenchEncoder } from './encoder.ts'
import { type Shape, SMOLLM2_135M } from './shape.ts'

interface StepShape {
  users: number
  rollouts: number
  prompt: number
  completion: number
  /** Of 25 tokens each, after a profile and 8 tokens more. */
  candidates: number
}

/** Compares every profile with every candidate. */
type JudgeWork = (profiles: readonly TokenIds[], candidates: readonly TokenIds[]) => Promise<unknown>

/** Seconds of one GRPO step by phase. Judged by likelihood where no `judge` is given. */
async function stepSeconds(engine: Engine, shape: StepShape, judge?: JudgeWork): Promise<Record<string, number>> {
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
  const profiles = rollouts.flat().map((r) => [...tokens(8), ...r.tokens])
  const likelihood: JudgeWork = (texts, continuations) =>
    engine.score(
      texts.map((prefix) => ({ prefix, continuations })),
      'base',
      {},
      never,
    )
  await clock('judge', () => (judge ?? likelihood)(profiles, pool))
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

/** What is read in 8 bits: what `quantize` and `precision` of a configuration say. */
type Bits = Pick<EngineOptions, 'quantize' | 'precision'>
const bitsName = ({ quantize, precision }: Bits) =>
  precision === 'int8' ? ', all in int8' : quantize === 'int8' ? ', rollouts and judge in int8' : ''

/** B=8 users, G=8 rollouts, prompt 300, completion 64, likelihood judge with 9 candidates of 25 tokens. */
export const step: Case = async (_, device) => {
  const engine = await openBench(SMOLLM2_135M, { trainable, device })
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

const SMALL: StepShape = { users: 4, rollouts: 4, prompt: 150, completion: 32, candidates: 5 }

/** A step that takes seconds, after a smaller one. */
export async function smallStep(shape: Shape, device: Device, bits: Bits = {}, judge?: JudgeWork) {
  const engine = await openBench(shape, { trainable, device, ...bits })
  await stepSeconds(engine, { ...SMALL, users: 2 }, judge)
  const whole = await stepSeconds(engine, SMALL, judge)
  const row: Row = {
    what: named(
      shape,
      `a small step: 4 users × 4 rollouts, 150+32, 5 candidates${bitsName(bits)}${judge ? ', judged by an encoder' : ''}`,
    ),
    figure: `${total(whole).toFixed(1)} s (${byPhase(whole)}), peak ${peakGB().toFixed(1)} GB`,
  }
  return { engine, whole, row }
}

/** What a step costs more when one of its sizes is doubled. */
export const growth: Case = async (_, device) => {
  const { engine, whole, row } = await smallStep(SMOLLM2_135M, device)
  const rows = [row]
  for (const [size, name] of [
    ['users', 'users (B)'],
    ['rollouts', 'rollouts (G)'],
    ['candidates', 'candidates (K + 1)'],
    ['prompt', 'prompt tokens'],
    ['completion', 'completion tokens'],
  ] as const) {
    const seconds = await stepSeconds(engine, { ...SMALL, [size]: 2 * SMALL[size] })
    rows.push({
      what: `the same with twice the ${name}`,
      figure: `${(total(seconds) / total(whole)).toFixed(2)}× the time (${byPhase(seconds)})`,
    })
  }
  return rows
}

/** The small step, judged by similarity. */
export const embeddingStep: Case = async (_, device) => {
  const encoder = await openBenchEncoder()
  const judge: JudgeWork = (profiles, candidates) => compareAll(encoder, profiles, candidates)
  return [(await smallStep(SMOLLM2_135M, device, { quantize: 'int8' }, judge)).row]
}
