// What a caller passes in runs under its own name: a fault in it is the caller's to find, and must not look like bump's.
import { BumpError, CancelledError } from './errors.ts'

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
