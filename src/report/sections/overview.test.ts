// What the head of the report says of a result, in words.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readRunData } from '../run-data.ts'
import { type FolderOptions, writeRun } from '../testing/run-folders.ts'
import { overview } from './overview.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-overview-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function overviewOf(options: FolderOptions): Promise<string> {
  return overview([await readRunData(writeRun(join(root, 'tea'), options), 'tea')]).markup
}

it.each([
  [0.3, 'which is chance, as it must be: the profiles are about the person.</p>'],
  [0.01, 'which is chance, as it must be.</p>'],
])('claims that profiles are about the person only above chance (change %s)', async (change, words) => {
  expect(await overviewOf({ change })).toContain(`With another user’s profile instead the score is 0.480, ${words}`)
})

it('compares nothing with chance where the worst of several judges counts', async () => {
  const text = await overviewOf({ change: -0.01, judge: { scorer: 'several', combine: 'worst', judges: [] } })
  expect(text).toContain('its interval includes zero; 1 is perfect')
  expect(text).toContain('instead the score is 0.480. Chance is no reference here')
  expect(text).not.toMatch(/chance is|(which is|below|above) chance/)
})

it('speaks of no change where the untrained model was kept', async () => {
  const text = await overviewOf({ change: 0, bestStep: 0 })
  expect(text).toContain(
    'No step was better by validation, so the untrained model was kept: its profiles of unseen people score 0.500; chance is 0.473',
  )
  expect(text).not.toContain('could be luck')
})

it.each([
  [
    { type: 'custom', name: 'labels', options: { task: 3 }, lengthBudget: 96 },
    'labels of LaMP-3, free up to 96 tokens',
  ],
  [{ type: 'custom', name: './rewards/own.mjs', options: {} }, 'own.mjs'],
  [{ type: 'bidirectional', forwardWeight: 1, backwardWeight: 0 }, '1 × forward + 0 × backward'],
])('names the reward %j', async (reward, words) => {
  expect(await overviewOf({ reward })).toContain(`<dt>Reward</dt><dd>${words}</dd>`)
})
