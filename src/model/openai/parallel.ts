// Requests side by side. Used by open.ts and served.ts.

/**
 * Does `work` on the indices below `count`, at most `concurrency` of them at a time. The first failure ends those
 * beside it, by the signal that they are given, and is thrown.
 */
export async function inParallel(
  count: number,
  concurrency: number,
  signal: AbortSignal | undefined,
  work: (at: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ending = new AbortController()
  const end = () => ending.abort()
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++, ending.signal)
  }
  const workers = Array.from({ length: Math.min(concurrency, count) }, worker)
  try {
    await Promise.all(workers)
  } catch (error) {
    end()
    await Promise.allSettled(workers)
    throw error
  } finally {
    signal?.removeEventListener('abort', end)
  }
}
