// Which rollouts of a run folder the report shows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readRunData } from './run-data.ts'
import { writeRun } from './testing/run-folders.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-run-data-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

it.each([
  [
    [0.9, 1.9, 1.1, 0.2],
    [1, 2, 3],
  ],
  [
    [0.2, 1.9, 0.2, 1.1, 1.9, 1.1],
    [1, 3, 0],
  ],
  [
    [0.5, 0.5, 0.5],
    [0, 0, 0],
  ],
])('of rollouts with the rewards %j, the highest, the median and the lowest are %j', async (rewards, shown) => {
  const { rollouts } = await readRunData(writeRun(join(root, 'tea'), { steps: 1, rewards }), 'tea')
  const [{ best, median, worst }] = rollouts
  expect([best, median, worst].map(({ rollout }) => rollout)).toEqual(shown)
})
