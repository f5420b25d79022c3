import { expect, it } from 'vitest'
import { trainConfigSchema } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { zeroShotsOf } from './zero-shots.ts'

function runOf(name: string, settings: object = {}, digest = 'd'): TrainedRun {
  const config = trainConfigSchema.parse({ name, logs: { paths: ['-'] }, model: `models/${digest}`, ...settings })
  return { folder: name, name, config, header: { model: { digest } } as unknown as TrainedRun['header'] }
}
const keys = (...runs: TrainedRun[]) => zeroShotsOf(runs).map(({ key }) => key)

it('runs share the zero-shot profiles of their base, prompt and sampling', () => {
  expect(keys(runOf('a'), runOf('b', { seed: 2, optim: { steps: 9 } }))).toEqual(['zero-shot', 'zero-shot'])
  const [plain, redacted, again] = [runOf('a'), runOf('b', { prompt: { redact: true } }), runOf('c')]
  expect(keys(plain, redacted, again)).toEqual(['zero-shot', 'zero-shot2', 'zero-shot'])
  expect(keys(plain, runOf('b', { profile: { maxTokens: 9 } }))).toEqual(['zero-shot', 'zero-shot2'])
  expect(keys(plain, runOf('b', {}, 'e'))).toEqual(['zero-shot', 'zero-shot2'])
  const sampled = { profile: { temperature: 0.7 } }
  expect(keys(runOf('a', sampled), runOf('b', { ...sampled, seed: 2 }))).toEqual(['zero-shot', 'zero-shot2'])
})

it('they are named where there are several', () => {
  const labels = zeroShotsOf([runOf('a'), runOf('b', {}, 'e')]).map(({ label }) => label)
  expect(labels).toEqual(['zero-shot profile (a: d)', 'zero-shot profile (b: e)'])
  expect(zeroShotsOf([runOf('a'), runOf('b')])[1].label).toBe('zero-shot profile')
})
