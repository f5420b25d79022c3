// What a command writes, for tests of commands.
import { afterEach, beforeEach, vi } from 'vitest'

/** Text on the two streams since the test began. */
export interface Captured {
  stdout: string
  stderr: string
  /** Captures anew: for hooks that run before the tests, and in the middle of one. */
  start(): void
}

/** Keeps both streams off the terminal in every test of the file that calls it, and hands out what they were given. */
export function capturedOutput(): Captured {
  const captured: Captured = {
    stdout: '',
    stderr: '',
    start() {
      for (const stream of ['stdout', 'stderr'] as const) {
        captured[stream] = ''
        vi.spyOn(process[stream], 'write').mockImplementation((text) => {
          captured[stream] += String(text)
          return true
        })
      }
    },
  }
  beforeEach(captured.start)
  afterEach(() => void vi.restoreAllMocks())
  return captured
}
