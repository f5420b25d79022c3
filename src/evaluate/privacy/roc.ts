// The curve of a test that tells members from others by a score, the higher the likelier a member.
import { seedFrom, uniform } from '../../util/random.ts'
import { type Interval, quantile } from '../../util/stats.ts'

/** [share of the others taken for members, share of the members found], from [0, 0] to [1, 1]. */
export type RocPoint = [falsePositives: number, truePositives: number]

/** The curve over all thresholds; equal scores are one step. */
export function rocCurve(members: readonly number[], others: readonly number[]): RocPoint[] {
  const scored = [
    ...members.map((score) => ({ score, member: true })),
    ...others.map((score) => ({ score, member: false })),
  ].sort((a, b) => b.score - a.score)
  const points: RocPoint[] = [[0, 0]]
  let found = 0
  let mistaken = 0
  for (const [i, { score, member }] of scored.entries()) {
    if (member) found++
    else mistaken++
    if (scored[i + 1]?.score !== score) points.push([mistaken / others.length, found / members.length])
  }
  return points
}

/** Area under a curve: the probability that a member scores above another, ties by half. */
export function areaUnder(curve: readonly RocPoint[]): number {
  return curve.slice(1).reduce((area, [x, y], i) => area + ((x - curve[i][0]) * (y + curve[i][1])) / 2, 0)
}

/** The most members that are found with at most `rate` of the others mistaken. */
export function foundAt(curve: readonly RocPoint[], rate: number): number {
  return Math.max(...curve.filter(([mistaken]) => mistaken <= rate).map(([, found]) => found))
}

/** Area and members found at 1 % mistaken, with percentile intervals: both groups are drawn with replacement. */
export function rocIntervals(
  members: readonly number[],
  others: readonly number[],
  seed: number,
): Record<'auc' | 'found1', Interval> {
  const next = uniform(seedFrom('roc', seed))
  const drawn = (values: readonly number[]) => values.map(() => values[Math.floor(next() * values.length)])
  const curves = Array.from({ length: 1000 }, () => rocCurve(drawn(members), drawn(others)))
  const curve = rocCurve(members, others)
  const interval = (of: (curve: readonly RocPoint[]) => number): Interval => {
    const values = curves.map(of)
    return { mean: of(curve), low: quantile(values, 0.025), high: quantile(values, 0.975) }
  }
  return { auc: interval(areaUnder), found1: interval((each) => foundAt(each, 0.01)) }
}
