import { expect, it } from 'vitest'
import { plainLines } from './progress.ts'
import { SFT_WORDS, sftSummaryText } from './sft-progress.ts'

it('says loss, tokens and the held-out loss of an SFT run', () => {
  const lines: string[] = []
  const progress = plainLines(4, (line) => lines.push(line), SFT_WORDS)
  const metrics = { loss: 1.5, entropy: 0.25, grad_norm: 2, num_tokens: 900, epoch: 0.5, step_time: 10 }
  progress.onEvent({ type: 'phase', phase: 'validation', step: 0 })
  progress.onEvent({ type: 'validation', step: 0, metrics: { eval_loss: 2.75, epoch: 0 }, best: true })
  progress.onEvent({ type: 'step', step: 1, metrics })
  expect(lines).toEqual([
    'held-out users after step 0: loss 2.7500 (best)',
    'step 1/4 loss 1.5000 entropy 0.2500 grad norm 2.0000 tokens 900 epoch 0.5 ETA 30s',
  ])
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
