// The benchmarks by name.
import type { Case } from './case.ts'
import { pools } from './encoder.ts'
import { inference, judges, products } from './inference.ts'
import { population } from './population.ts'
import { profiles } from './profiles.ts'
import { QWEN25_05B, SMOLLM2_135M } from './shape.ts'
import { embeddingStep, growth, smallStep, step } from './steps.ts'
import { group, int8Train, layerWise, train } from './training.ts'

export const CASES: Record<string, Case> = {
  train,
  layerWise,
  packed: (machine, device) => group(SMOLLM2_135M, machine, { device }, { apart: true, runs: 3 }),
  int8Train,
  int8Packed: (machine) => group(SMOLLM2_135M, machine, { precision: 'int8' }, { runs: 3 }),
  products,
  inference: (_, device) => inference(SMOLLM2_135M, 'none', device),
  int8: (_, device) => inference(SMOLLM2_135M, 'int8', device),
  judges,
  profiles: (_, device) => profiles(SMOLLM2_135M, 'none', device),
  int8Profiles: (_, device) => profiles(SMOLLM2_135M, 'int8', device),
  step,
  growth,
  int8Rollouts: async (_, device) => [(await smallStep(SMOLLM2_135M, device, { quantize: 'int8' })).row],
  embeddingStep,
  pools,
  population,
  int8Step: async (_, device) => [(await smallStep(SMOLLM2_135M, device, { precision: 'int8' })).row],
  qwenGroup: (machine, device) => group(QWEN25_05B, machine, { device }, {}),
  qwenInt8Group: (machine) => group(QWEN25_05B, machine, { precision: 'int8' }, {}),
  qwenInference: (_, device) => inference(QWEN25_05B, 'none', device),
  qwenInt8: (_, device) => inference(QWEN25_05B, 'int8', device),
  qwenStep: async (_, device) => [(await smallStep(QWEN25_05B, device)).row],
  qwenInt8Rollouts: async (_, device) => [(await smallStep(QWEN25_05B, device, { quantize: 'int8' })).row],
  qwenInt8Step: async (_, device) => [(await smallStep(QWEN25_05B, device, { precision: 'int8' })).row],
}
