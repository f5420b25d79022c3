// Which profiles and rollouts the report shows, and the numbers beside them.
import { expect, it } from 'vitest'
import type { ProfileLine } from '../../run/format.ts'
import type { Rollout, RunData } from '../run-data.ts'
import { beforeAndAfter, sampledProfiles } from './profiles.ts'

const header = { config: {}, package: { name: 'bump', version: '1' }, model: {}, data: {} }

function runWith(parts: Partial<RunData>): RunData {
  const empty = { metrics: new Map(), pairs: [], rollouts: [], notes: [] }
  return { name: 'tea', path: 'tea', kind: 'grpo', header, ...empty, ...parts }
}

it('shows no change where a profile stayed as it was', () => {
  // These do not cancel when they are added up one after the other.
  const side = { profile: 'Likes tea.', tokens: 3, forward: 0.1, backward: 0.2 }
  const pairs: ProfileLine[] = [{ user: 'a', before: side, after: { ...side } }]
  expect(beforeAndAfter([runWith({ pairs })])!.markup).toMatch(/<span class="tag">[^<]*: 0<\/span>/)
})

it('lets a table of rollouts scroll, however many terms a reward has', () => {
  const rollout = { step: 7, user: 'a', rollout: 0, profile: 'Likes tea.', reward: 1, length: 0, copied: 0 }
  const told = { tokens: 3, stop: 'stop', advantage: 0, kept: true, terms: { 'likelihood/forward': 1 } }
  const best: Rollout = { ...rollout, ...told }
  const rollouts = [{ step: 7, count: 1, best, median: best, worst: best }]
  const { markup } = sampledProfiles([runWith({ rollouts })])!
  expect(markup).toMatch(/<div class="scroll"[^>]*aria-label="Rollouts of step 7"[^>]*><table class="rollouts">/)
})
