// Progress as plain lines, and the summary's table.
import { expect, it } from 'vitest'
import { duration, plainLines } from './progress.ts'
import { summaryTable } from './summary-table.ts'

it('is one line a step, with the time left at the recent pace', () => {
  const lines: string[] = []
  const progress = plainLines(10, (line) => lines.push(line))
  const metrics = {
    reward: 1.25,
    'rewards/forward/mean': 0.5,
    'rewards/backward/mean': 0.75,
    'completions/mean_length': 40.25,
    step_time: 30,
    'time/rollout': 10,
    'time/judge': 5,
    'time/train': 15,
  }
  const evaluation = { 'eval/forward': 0.5, 'eval/backward': 0.6 }
  progress.onEvent({ type: 'phase', phase: 'rollout', step: 1 })
  progress.onEvent({ type: 'step', step: 1, metrics })
  progress.onEvent({ type: 'step', step: 2, metrics: { ...metrics, step_time: 50 } })
  progress.onEvent({ type: 'validation', step: 2, metrics: evaluation, best: true })
  expect(lines).toEqual([
    'step 1/10 reward 1.250 forward 0.500 backward 0.750 length 40.3 rollout 10.0s judge 5.0s train 15.0s ETA 4m30s',
    'step 2/10 reward 1.250 forward 0.500 backward 0.750 length 40.3 rollout 10.0s judge 5.0s train 15.0s ETA 5m20s',
    'unseen users after step 2: forward 0.500 backward 0.600 (best)',
  ])
})

it('says durations as people do', () => {
  expect([0, 59, 60, 125, 3600, 7511].map(duration)).toEqual(['0s', '59s', '1m00s', '2m05s', '1h00m', '2h05m'])
})

it('ends with a table of the test users', () => {
  const interval = { mean: 0.5, low: 0.4, high: 0.6 }
  const directions = { forward: interval, backward: interval, both: interval }
  const table = summaryTable({
    before: directions,
    after: directions,
    difference: directions,
    controls: { history: directions, mismatched: null },
    chance: { forward: 0.47, backward: 0.49 },
    users: 12,
    steps: 1,
    bestStep: 1,
    seed: 1,
    seconds: {},
    peakMemoryBytes: 1,
    model: {},
    judge: {},
    data: {},
  })
  expect(table).toContain('NDCG of 12 users never trained on')
  expect(table).toMatch(/ {2}difference {3}0\.500 \[0\.400, 0\.600\]/)
  expect(table).toMatch(/ {2}chance {7}0\.470 +0\.490 +0\.480/)
})
