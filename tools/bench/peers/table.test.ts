import { describe, expect, it } from 'vitest'
import {
  agreement,
  BUMP,
  everything,
  goals,
  LLAMA_CPP,
  type Measurement,
  type Result,
  summary,
  TRANSFORMERS,
} from './table.ts'

const measured = (system: string, precision: string, seconds: number, check: number[] | null = null): Measurement => ({
  case: 'prefill',
  system,
  precision,
  seconds,
  work: 100,
  unit: 'tok',
  peakGB: 1,
  check,
  phases: null,
})
const RESULTS: Result[] = [
  measured(BUMP, 'f32', 2, [1, -1]),
  measured(BUMP, 'int8', 1, [1.05, -1.05]),
  measured(TRANSFORMERS, 'f32', 4, [1.001, -1]),
  measured(TRANSFORMERS, 'bf16', 1.2, [1.2, -0.8]),
  measured(LLAMA_CPP, 'F16', 3, [1, -1]),
  { case: 'prefill', system: LLAMA_CPP, precision: 'Q8_0', error: 'exit code 1' },
]
const WORKS = new Map([
  ['prefill', 'prefill'],
  ['train', 'training'],
])
const lines = (text: string) => text.split('\n').slice(2)

describe('the tables of the comparison', () => {
  it('hold exact figures against exact ones and the best against the best, in a row a work', () => {
    expect(lines(summary(RESULTS, WORKS))).toEqual([
      '| prefill | 50.0 tok/s | 100 tok/s (int8) | 25.0 tok/s | 83.3 tok/s (bf16) | 2.00×, 1.20× | 33.3 tok/s | 33.3 tok/s (F16) | 1.50×, 3.00× |',
      '| training | – | – |  |  |  |  |  |  |',
    ])
  })

  it('say which goals are met, missed or without a measurement', () => {
    expect(lines(goals(RESULTS, WORKS))).toEqual([
      '| training | transformers + PEFT, its best | 1× as fast | – | not measured |',
      '| prefill | llama.cpp, its best | 1.5× as fast | 3.00× (int8 against F16) | met |',
      '| prefill | transformers + PEFT, its best | 1.5× as fast | 1.20× (int8 against bf16) | MISSED |',
    ])
  })

  it('keep the rows of others where one failed', () => {
    expect(lines(everything(RESULTS, WORKS))).toHaveLength(RESULTS.length)
    expect(everything(RESULTS, WORKS)).toContain('| llama.cpp | Q8_0 | failed: exit code 1 |')
  })

  it.each([
    ['f32 within 0.002', measured(TRANSFORMERS, 'f32', 4, [1.001, -1]), true],
    ['f32 beyond it', measured(TRANSFORMERS, 'f32', 4, [1.003, -1]), false],
    ['8 bits within their share', measured(BUMP, 'int8', 1, [1.05, -1.05]), true],
    ['16 bits beyond theirs', measured(TRANSFORMERS, 'bf16', 1, [1.2, -0.8]), false],
    ['a result that is missing', measured(TRANSFORMERS, 'bf16', 1, [1]), false],
    ['no number at all', measured(TRANSFORMERS, 'f32', 1, [Number.NaN, -1]), false],
  ])('compare results: %s', (_, one, within) => {
    expect(agreement(RESULTS, one)?.within).toBe(within)
  })
})
