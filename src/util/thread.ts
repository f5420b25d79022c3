// Worker threads of this package, and errors on their way between threads: classes do not survive the copy.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { BumpError, CancelledError, type ErrorCode } from './errors.ts'

/**
 * Starts the module `name` beside `here` (an `import.meta.url`) as a thread: JavaScript in the built package. Under a
 * TypeScript loader it needs the loader as well, which takes a second of every start; tests have the threads built once
 * (`testing/threads.ts`).
 */
export function startThread(here: string, name: string, workerData: unknown): Worker {
  const built = here.endsWith('.ts') ? process.env.BUMP_TEST_THREADS : here
  if (built !== undefined) {
    // Flags of the process, such as --input-type=module, are not the thread's.
    return new Worker(new URL(`./${name}.js`, built), { workerData, execArgv: [] })
  }
  const loader = pathToFileURL(createRequire(here).resolve('tsx/esm/api').replace(/cjs$/, 'mjs')).href
  const file = new URL(`./${name}.ts`, here).href
  const boot = `import(${JSON.stringify(loader)}).then((tsx) => { tsx.register(); return import(${JSON.stringify(file)}) })`
  return new Worker(boot, { workerData, eval: true })
}

/** An error as it goes from thread to thread. */
export interface ErrorRecord {
  name: string
  message: string
  stack?: string
  /** Of a BumpError. */
  code?: ErrorCode
}

export function errorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  return { name, message, stack, ...(error instanceof BumpError ? { code: error.code } : {}) }
}

export function revivedError(error: ErrorRecord): Error {
  if (error.code === 'cancelled') return new CancelledError(error.message)
  if (error.code) return new BumpError(error.code, error.message)
  const plain = new Error(error.message)
  plain.name = error.name
  if (error.stack) plain.stack = error.stack
  return plain
}
