// Training: plain rows, layer by layer, and a group that shares its prompt.
import type { Engine, EngineOptions } from '../../src/engine/engine.ts'
import {
  adam,
  type Case,
  completion,
  type Machine,
  named,
  never,
  openBench,
  peakGB,
  ppo,
  type Row,
  tokens,
  trainable,
} from './case.ts'
import { type Shape, SMOLLM2_135M, trainFlops } from './shape.ts'
import { median, medianSeconds } from './timing.ts'

/** Two sequences of 256 tokens: their row, whose goals are in tok/s and GB, and the engine. */
async function plain({ compute }: Machine, what: string, options: EngineOptions, [speedGoal, peakGoal]: number[]) {
  const before = peakGB()
  const engine = await openBench(SMOLLM2_135M, { trainable, ...options })
  const groups = [0, 1].map(() => ({ prompt: tokens(1), completions: [completion(256)] }))
  const seconds = await medianSeconds(async () => {
    await engine.forwardBackward(groups, ppo, never)
  }, 5)
  const rows = 2 * 256
  const speed = rows / seconds
  const gflops = trainFlops(SMOLLM2_135M.config, rows, rows, 2 * 256 * 256) / seconds / 1e9
  const row: Row = {
    what,
    figure: `${speed.toFixed(0)} tok/s, ${gflops.toFixed(0)} GFLOP/s (${((100 * gflops) / compute).toFixed(0)} % of MatMul), peak ${peakGB().toFixed(1)} GB (${before.toFixed(1)} before the model)`,
    goals: [
      { unit: 'tok/s', value: speedGoal, measured: speed, bound: 'compute' },
      { unit: 'GB', value: peakGoal, measured: peakGB(), bound: 'nothing', atMost: true },
    ],
  }
  return { row, engine }
}

export const train: Case = async (machine, device) => {
  const { row, engine } = await plain(machine, 'train 2×256, logits everywhere', { device }, [450, 3])
  const steps: number[] = []
  for (let i = 0; i < 4; i++) {
    await engine.forwardBackward([{ prompt: tokens(1), completions: [completion(4)] }], ppo, never)
    const started = performance.now()
    engine.optimStep(adam)
    steps.push(performance.now() - started)
  }
  return [row, { what: 'AdamW, 4.9 M parameters', figure: `${median(steps.slice(1)).toFixed(0)} ms` }]
}

/** The useful operations are counted, not the second forward pass. */
export const layerWise: Case = async (machine, device) => [
  (await plain(machine, 'the same, layer by layer', { memory: 2e9, device }, [300, 1.5])).row,
]

/** By integer products, forward and backward. */
export const int8Train: Case = async (machine) => [
  (await plain(machine, 'train 2×256, int8', { precision: 'int8' }, [450, 3])).row,
]

/** A group of completions of one prompt; with `apart`, also with the prompt repeated for each. */
export async function group(
  shape: Shape,
  { compute }: Machine,
  options: EngineOptions,
  { apart = false, runs = 1 }: { apart?: boolean; runs?: number },
): Promise<Row[]> {
  const engine = await openBench(shape, { trainable, ...options })
  const [P, G, T] = [300, 8, 64]
  const prompt = tokens(P)
  const completions = Array.from({ length: G }, () => completion(T))
  const time = (groups: Parameters<Engine['forwardBackward']>[0]) =>
    medianSeconds(async () => {
      await engine.forwardBackward(groups, ppo, never)
    }, runs)
  const together = await time([{ prompt, completions }])
  const rows = P + G * (T - 1)
  const gflops = trainFlops(shape.config, rows, G * T, P * P + G * T * (P + T)) / together / 1e9
  const shared: Row = {
    what: named(shape, `train a group ${P}+${G}×${T}, prompt shared${options.precision === 'int8' ? ', int8' : ''}`),
    figure: `${(together * 1000).toFixed(0)} ms, ${(rows / together).toFixed(0)} tok/s, ${gflops.toFixed(0)} GFLOP/s (${((100 * gflops) / compute).toFixed(0)} % of MatMul), peak ${peakGB().toFixed(1)} GB`,
  }
  if (!apart) return [shared]
  const seconds = await time(completions.map((one) => ({ prompt, completions: [one] })))
  return [
    shared,
    {
      what: named(shape, 'the same, prompt repeated'),
      figure: `${(seconds * 1000).toFixed(0)} ms: ${(seconds / together).toFixed(2)}× the shared time`,
      goals: [{ unit: '×', value: 3, measured: seconds / together, bound: 'nothing' }],
    },
  ]
}
