// Which profiles and rollouts the report shows, and the numbers beside them.
import { expect, it } from 'vitest'
import type { ProfileLine } from '../../run/format.ts'
import type { RunData } from '../run-data.ts'
import { beforeAndAfter } from './profiles.ts'

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
