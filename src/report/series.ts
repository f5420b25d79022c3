// Series of a run's metrics, thinned so that a report weighs the same after a hundred steps and after a million.

/** [step, value]. */
export type Point = readonly [step: number, value: number]

/** How the values of a bin become one. */
export type Combine = 'mean' | 'min' | 'max'

/**
 * At most `limit` points: neighbours are put together in bins of equal count, each at its middle step. Series with the
 * same steps get the same bins. A series within the limit is returned as it is.
 */
export function downsample(points: readonly Point[], limit: number, combine: Combine = 'mean'): readonly Point[] {
  if (points.length <= limit) return points
  return bins(points, limit).map((bin) => [bin[Math.floor(bin.length / 2)][0], COMBINE[combine](bin)])
}

/** The points in at most `limit` bins of neighbours, of equal count but for the last. */
export function bins<T>(points: readonly T[], limit: number): T[][] {
  const size = Math.max(1, Math.ceil(points.length / limit))
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => points.slice(i * size, (i + 1) * size))
}

const COMBINE: Record<Combine, (bin: readonly Point[]) => number> = {
  mean: (bin) => bin.reduce((sum, [, value]) => sum + value, 0) / bin.length,
  min: (bin) => bin.reduce((least, [, value]) => Math.min(least, value), Number.POSITIVE_INFINITY),
  max: (bin) => bin.reduce((most, [, value]) => Math.max(most, value), Number.NEGATIVE_INFINITY),
}

/** `count` members of a list at even distances, with the first and the last. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))])
}
