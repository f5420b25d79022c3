// Timing: a warm-up, then the median of several runs.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Seconds of the median run of `work` after one warm-up. */
export async function medianSeconds(work: () => Promise<void>, runs: number): Promise<number> {
  await work()
  const times: number[] = []
  for (let i = 0; i < runs; i++) {
    const started = performance.now()
    await work()
    times.push((performance.now() - started) / 1000)
  }
  return median(times)
}
