import { expect, it } from 'vitest'
import type { Summary } from '../../run/format.ts'
import { sftSummaryText, summaryTable } from './summary-table.ts'

it('shows every judge of the test, and which of them took part in the reward', () => {
  const all = (mean: number) => {
    const interval = { mean, low: mean - 0.1, high: mean + 0.1 }
    return { forward: interval, backward: interval, both: interval }
  }
  const by = (name: string, rewarded: boolean) => ({
    ...{ name, rewarded, judge: { name: `models/${name}` } },
    ...{ before: all(0.5), after: all(0.7), difference: all(0.2) },
  })
  const summary: Summary = {
    ...{ before: all(0.5), after: all(0.8), difference: all(0.3), controls: { history: all(0.9), mismatched: null } },
    ...{ chance: { forward: 0.473, backward: 0.473 }, users: 64, steps: 4, bestStep: 4, seed: 1 },
    ...{ seconds: {}, peakMemoryBytes: 1, model: {}, data: {} },
  }
  const table = summaryTable({ ...summary, judges: [by('likelihood', true), by('embedding', false)] })
  expect(table).toMatch(/^ {2}embedding {3}0\.500 \[0\.400, 0\.600\] {6}0\.700 .* {6}0\.200 \[0\.100, 0\.300\]$/m)
  expect(table).toContain('  likelihood: models/likelihood\n  embedding: models/embedding, took no part in the reward')
  expect(summaryTable(summary)).not.toContain('by each judge')
})

it('ends with what was trained on and what it brought', () => {
  const summary = {
    validationLoss: { first: 2.5, best: 1.25 },
    steps: 30,
    bestStep: 20,
    epochs: 1.5,
    examples: { train: 160, validation: 20 },
    users: { train: 80, validation: 10 },
    seed: 1,
    seconds: { train: 100, validation: 25 },
    peakMemoryBytes: 1,
    model: {},
    data: {},
  }
  expect(sftSummaryText(summary)).toBe(
    'trained 30 steps (1.5 epochs) on 160 examples of 80 users in 2m05s\n' +
      'loss of 20 examples of 10 held-out users: 2.5000 before, 1.2500 at the best step 20\n',
  )
  expect(sftSummaryText({ ...summary, validationLoss: null })).toContain('no users were held out')
})
