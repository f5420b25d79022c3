import { expect, it } from 'vitest'
import { sftSummaryText } from './summary-table.ts'

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
