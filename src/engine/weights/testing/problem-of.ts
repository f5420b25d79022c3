// What malformed input must end in, for tests.
import { expect } from 'vitest'
import { BumpError } from '../../../util/errors.ts'

/** The message of the BumpError that `work` must throw; it must not have allocated much on the way. */
export function problemOf(work: () => unknown): string {
  const before = process.memoryUsage().arrayBuffers
  let error: unknown
  try {
    work()
  } catch (e) {
    error = e
  }
  expect(error).toBeInstanceOf(BumpError)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6)
  return (error as BumpError).message
}
