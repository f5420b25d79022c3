// Means, quantiles and seeded bootstrap intervals: how every measured number of bump is reported.
import { uniform } from './random.ts'

/** A mean with the bounds of its interval. */
export interface Interval {
  mean: number
  low: number
  high: number
}

export interface BootstrapOptions {
  seed: number
  /** Default 2000. */
  resamples?: number
  /** Share of the interval, in (0, 1); default 0.95. */
  level?: number
  /** What is measured of the values; default their mean. */
  statistic?: (values: ArrayLike<number>) => number
}

/** Arithmetic mean. Throws a RangeError where there are no values. */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new RangeError('the mean of no values is not defined')
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}

/** Quantile `q` in [0, 1] of values in any order, with linear interpolation between neighbours (R's type 7). */
export function quantile(values: ArrayLike<number>, q: number): number {
  if (values.length === 0) throw new RangeError('the quantile of no values is not defined')
  const sorted = Float64Array.from(values).sort()
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}

/**
 * Mean, or another statistic, with its percentile bootstrap interval: users are drawn with replacement, `resamples`
 * times.
 */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  const { seed, resamples = 2000, level = 0.95, statistic = mean } = options
  const n = values.length
  const centre = statistic(values)
  const next = uniform(seed)
  const drawn = new Float64Array(n)
  const found = new Float64Array(resamples)
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < n; i++) drawn[i] = values[Math.floor(next() * n)]
    found[r] = statistic(drawn)
  }
  const tail = (1 - level) / 2
  return { mean: centre, low: quantile(found, tail), high: quantile(found, 1 - tail) }
}

/** A share of `n` that `hits` are, with its 95% interval (Wilson 1927), which is not empty where none or all are. */
export function shareInterval(hits: number, n: number): Interval {
  if (n === 0) throw new RangeError('a share of nothing is not defined')
  const z = 1.959964
  const p = hits / n
  const scale = 1 + z ** 2 / n
  const centre = (p + z ** 2 / (2 * n)) / scale
  const half = (z / scale) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))
  return { mean: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/**
 * Interval of the mean of `after[i] - before[i]`, both measured on the same user i.
 * Throws a RangeError where the two differ in length.
 */
export function pairedDifference(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  options: BootstrapOptions,
): Interval {
  if (before.length !== after.length)
    throw new RangeError(`paired values differ in number: ${before.length} and ${after.length}`)
  return bootstrapInterval(
    Array.from(after, (value, i) => value - before[i]),
    options,
  )
}

/** `0.712 [0.660, 0.764]`. */
export function intervalText({ mean, low, high }: Interval): string {
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`
}
