// A bound for work that somebody else's input decides the length of, on the thread that it runs on: a regular
// expression of a tokenizer, the program of a chat template.
import { createContext, Script } from 'node:vm'

const context: { work: (() => unknown) | undefined } = { work: undefined }
const script = new Script('work()')
let isolated: ReturnType<typeof createContext> | undefined

/** The work took longer than it may. */
export class TimeExceeded extends Error {
  constructor(readonly milliseconds: number) {
    super(`it took longer than ${milliseconds / 1000} s`)
    this.name = 'TimeExceeded'
  }
}

/**
 * What `work` returns. It is ended in the middle, wherever it is, when it takes too long, so it should hold nothing
 * that must be put back. A call costs about 50 µs.
 * @throws TimeExceeded, and what `work` throws
 */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  isolated ??= createContext(context)
  const outer = context.work
  context.work = work
  try {
    return script.runInContext(isolated, { timeout: milliseconds }) as T
  } catch (error) {
    if ((error as { code?: string } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      throw new TimeExceeded(milliseconds)
    throw error
  } finally {
    context.work = outer
  }
}
