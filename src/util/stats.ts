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

/** Mean with its percentile bootstrap interval: users are drawn with replacement, `resamples` times. */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  const { seed, resamples = 2000, level = 0.95 } = options
  const n = values.length
  const centre = mean(values)
  const next = uniform(seed)
  const means = new Float64Array(resamples)
  for (let r = 0; r < resamples; r++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += values[Math.floor(next() * n)]
    means[r] = sum / n
  }
  const tail = (1 - level) / 2
  return { mean: centre, low: quantile(means, tail), high: quantile(means, 1 - tail) }
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
