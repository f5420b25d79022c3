// The gate: its rules on numbers, and its comparison on a judge that reads.
import { describe, expect, it } from 'vitest'
import { judgeConfigSchema } from '../../judge/config.ts'
import { createJudge } from '../../judge/judge.ts'
import { toyUsers } from '../../judge/testing/toy-world.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import type { JudgedVersion } from '../../store/refresh.ts'
import { compareTexts, hiddenFor, laterThan, runningScore, verdictOf } from './gate.ts'

const interactions = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: `i${i}`,
    time: i,
    text: `${i}`,
    metadata: undefined,
    excluded: false,
    seq: i + 1,
  }))
const version = (number: number, throughSeq: number, shown: string[] = [], scores?: JudgedVersion['scores']) => ({
  version: number,
  text: `text ${number}`,
  throughSeq,
  shown: new Set(shown),
  scores,
})

describe('hiddenFor', () => {
  const work = (n: number, reason = 'new') => ({ reason, n, interactions: interactions(n) })

  it('hides the latest, more of users with many', () => {
    expect(hiddenFor(work(10), version(1, 5), 8)).toBe(3)
    expect(hiddenFor(work(30), version(1, 5), 8)).toBe(5)
  })

  it('judges nothing that cannot be judged', () => {
    expect(hiddenFor(work(5), version(1, 5), 8)).toBe(0)
    expect(hiddenFor(work(10), undefined, 8)).toBe(0)
    expect(hiddenFor(work(10), version(1, 5), 7)).toBe(0)
    // The served text was written from one of them.
    expect(hiddenFor(work(10), version(1, 10, ['i9']), 8)).toBe(0)
    for (const reason of ['erased', 'corrected']) expect(hiddenFor(work(10, reason), version(1, 5), 8)).toBe(0)
  })
})

describe('verdictOf', () => {
  const options = { floor: 0.1, hidden: 3, rivals: 9, rejections: 0 }

  it('publishes what is not worse by more than the floor', () => {
    expect(verdictOf([0.5, 0.6], { ...options, floor: 0.125 }).status).toBe('published')
    expect(verdictOf([0.5, 0.7], options)).toMatchObject({ status: 'rejected', verdict: { new: 0.5, served: 0.7 } })
  })

  it('publishes the third that fails in a row', () => {
    expect(verdictOf([0, 1], { ...options, rejections: 1 }).status).toBe('rejected')
    const third = verdictOf([0, 1], { ...options, rejections: 2 })
    expect(third).toMatchObject({ status: 'published', verdict: { overridden: true, difference: -1 } })
  })
})

describe('the running score', () => {
  it('counts each later interaction once, by what neither text has seen', () => {
    const served = version(2, 5)
    const work = { interactions: interactions(20), served, before: version(1, 3) }
    expect(laterThan(work).map(({ seq }) => seq)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    const counted = { against: 1, interactions: 9, sum: -1, throughSeq: 18 }
    expect(laterThan({ ...work, served: { ...served, scores: counted } }).map(({ seq }) => seq)).toEqual([19, 20])
    expect(laterThan({ ...work, before: { ...served, version: 1 } })).toEqual([])
    expect(laterThan({ ...work, before: undefined })).toEqual([])
  })

  it('goes back where ten interactions say so', () => {
    const [served, before] = [version(2, 5), version(1, 3)]
    const nine = runningScore(served, before, [0.4, 0.9], interactions(9), 0.06)
    expect(nine).toEqual({ scores: { against: 1, interactions: 9, sum: -4.5, throughSeq: 9 }, rollBack: false })
    const more = runningScore({ ...served, scores: nine.scores }, before, [0.5, 0.5], [{ seq: 10 }], 0.06)
    expect(more).toMatchObject({ scores: { interactions: 10, sum: -4.5, throughSeq: 10 }, rollBack: true })
    // Sums against another version do not count.
    const other = runningScore({ ...served, scores: nine.scores }, version(7, 3), [0.5, 0.5], [{ seq: 10 }], 0.06)
    expect(other).toMatchObject({ scores: { against: 7, interactions: 1 }, rollBack: false })
  })
})

describe('compareTexts', () => {
  it('finds a text of somebody else far worse than the own, and equal ones equal', async () => {
    const [own, ...others] = toyUsers(20)
    const judge = createJudge(toyModel(), judgeConfigSchema.parse(undefined))
    const rivals = others.map(({ id, profile, heldOut }) => ({ user: id, profile, texts: [...heldOut] }))
    const texts = [own.profile, others[0].profile, own.profile]
    const [mine, theirs, again] = await compareTexts(judge, { user: own.id, positives: own.heldOut, texts, rivals })
    expect(mine).toBeGreaterThan(theirs + 0.2)
    expect(again).toBe(mine)
  })
})
