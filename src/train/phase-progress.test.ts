import { expect, it } from 'vitest'
import { type Costs, type Part, type PartEvent, PhaseProgress } from './phase-progress.ts'

it('knows the end of a phase once every kind of part was seen, and from its start in a later phase', async () => {
  let now = 0
  const told: PartEvent[] = []
  const costs: Costs = new Map()
  const part = (what: string, kind: Part['kind'], users: number): Part => ({ what, kind, users })
  const parts = [part('a', 'write', 10), part('b', 'judge', 10), part('c', 'write', 10), part('d', 'judge', 10)]
  const phase = new PhaseProgress(
    'test',
    parts,
    costs,
    (event) => told.push(event),
    () => now,
  )
  const lefts = () => told.splice(0).map(({ left }) => left)
  const next = (seconds: number) =>
    phase.next(async (onProgress) => {
      now += seconds / 2
      onProgress(0.5)
      now += seconds / 2
    })
  await next(20)
  expect(lefts()).toEqual([undefined, undefined])
  await next(40)
  // Half of the judging is 20 s: as much again, then 20 s of writing and 40 s of judging.
  expect(lefts()).toEqual([undefined, 20 + 20 + 40])
  await next(30)
  // Writing took 2 s a user, then 3 s.
  expect(lefts()).toEqual([20 + 40, 15 + 40])
  await next(40)
  expect(lefts()).toEqual([40, 20])

  const later = new PhaseProgress(
    'validation',
    [part('e', 'judge', 5)],
    costs,
    (event) => told.push(event),
    () => now,
  )
  await later.next(async () => {})
  expect(told).toEqual([{ type: 'progress', phase: 'validation', what: 'e', share: 0, part: 1, parts: 1, left: 20 }])
})
