// What a caller passes in runs under its own name: a fault in it is the caller's to find, and must not look like bump's.
import { BumpError, CancelledError } from './errors.ts'

/** What the work gives, or a CancelledError once `signal` aborts: what a caller passes in may hang beyond that. */
export async function orCancelled<T>(signal: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T> {
  if (!signal) return await work()
  if (signal.aborted) throw new CancelledError()
  let stop = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    stop = () => reject(new CancelledError())
  })
  signal.addEventListener('abort', stop)
  try {
    return await Promise.race([work(), cancelled])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Runs what the `who` of a caller does. What it throws is a BumpError `reward-failed` that names it, or a
 * CancelledError once `signal` has aborted.
 */
export async function guarded<T>(who: string, signal: AbortSignal | undefined, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (BumpError.isInstance(cause)) throw cause
    if (signal?.aborted) throw new CancelledError()
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new BumpError('reward-failed', `${who} failed: ${what}`, { cause })
  }
}
