import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Judge } from '../judge/types.ts'
import { BumpError } from '../util/errors.ts'
import { trainConfigSchema } from './config.ts'
import { toyRun } from './testing/toy-run.ts'
import type { TrainEvent } from './train.ts'

it('ends with a result where a judge that only measures cannot', async () => {
  const unable: Judge = {
    name: 'unable',
    describe: () => ({}),
    score: () => Promise.reject(new BumpError('context-exceeded', 'too long')),
  }
  const config = trainConfigSchema.parse({
    ...{ name: 'toy', logs: { paths: ['toy.jsonl'] }, model: 'toy', optim: { steps: 1 } },
    ...{ rollout: { users: 4, groupSize: 2 }, profile: { maxTokens: 6 }, reward: { negatives: 4 } },
  })
  const out = mkdtempSync(join(tmpdir(), 'bump-final-test-'))
  const notes: string[] = []
  const onEvent = (event: TrainEvent) => event.type === 'note' && notes.push(event.text)
  const { summary } = await toyRun({ config, out, testJudges: { unable }, onEvent })
  expect(summary.judges).toBeUndefined()
  expect(notes).toContain('the judge unable cannot measure, and is left out: too long')
})
