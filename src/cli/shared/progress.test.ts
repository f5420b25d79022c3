// Progress as plain lines, and the summary's table.
import { expect, it } from 'vitest'
import { duration, plainLines, SFT_WORDS, workLines } from './progress.ts'
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

it('is a line for what was there, for every twentieth and for the end', () => {
  const lines: string[] = []
  const progress = workLines((line) => lines.push(line))
  for (let done = 40; done <= 200; done += 2) progress.update('answers', done, 200)
  expect(lines[0]).toBe('answers: 40/200')
  expect(lines).toHaveLength(17)
  expect(lines[1]).toMatch(/^answers: 50\/200 ETA \d+s$/)
  expect(lines.at(-1)).toBe('answers: 200/200')
})

it('follows the share of the effort, and starts anew with other work', () => {
  const lines: string[] = []
  const progress = workLines((line) => lines.push(line))
  progress.update('profiles', 3, 3)
  progress.update('answers', 0, 100, 0)
  progress.update('answers', 2, 100, 0.04)
  progress.update('answers', 3, 100, 0.3)
  progress.say('a note')
  progress.update('answers', 100, 100, 0.9999)
  progress.update('answers', 100, 100, 1)
  expect(lines).toEqual([
    'profiles: 3/3',
    'answers: 0/100',
    expect.stringMatching(/^answers: 3\/100 ETA /),
    'a note',
    expect.stringMatching(/^answers: 100\/100/),
  ])
})

it('says where a long phase is, in a log now and then', () => {
  const lines: string[] = []
  let now = 0
  const progress = plainLines(
    10,
    (line) => lines.push(line),
    undefined,
    () => now,
  )
  const at = (seconds: number, share: number, left?: number) => {
    now = seconds
    progress.onEvent({ type: 'progress', phase: 'test', what: 'judging', part: 2, parts: 6, share, left })
  }
  progress.onEvent({ type: 'phase', phase: 'test', step: 10 })
  for (const seconds of [1, 9, 11, 12, 40, 41.5, 60, 72]) at(seconds, seconds / 100, seconds < 20 ? undefined : 130)
  progress.onEvent({ type: 'phase', phase: 'validation', step: 10 })
  at(75, 0.1)
  const doing = 'measuring the test users, before and after'
  expect(lines).toEqual([
    doing,
    `  ${doing}: judging 11% (2 of 6)`,
    `  ${doing}: judging 41% (2 of 6) ETA 2m10s`,
    `  ${doing}: judging 72% (2 of 6) ETA 2m10s`,
  ])
})
