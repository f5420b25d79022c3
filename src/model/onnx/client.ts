// The caller's side of an engine's worker thread: calls, cancellation, progress, errors.
import type { Worker } from 'node:worker_threads'
import '../../engine/runtime/telemetry.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { revivedError, startThread } from '../../util/thread.ts'
import type {
  EncoderInfo,
  EncoderMethods,
  EncoderStart,
  EngineInfo,
  EngineMethods,
  MethodTable,
  Reply,
  Request,
  StartData,
} from './protocol.ts'

interface Waiting {
  resolve: (value: never) => void
  reject: (error: Error) => void
  onProgress?: (done: number) => void
}

function endedBy(code: number): BumpError {
  return new BumpError(
    'model-unusable',
    `the engine's thread ended (exit code ${code}); out of memory is the usual cause: use a smaller batch or model`,
  )
}

/** `Methods`: what the thread can be asked; `Info`: what it says of what it opened. */
export class EngineClient<Methods extends MethodTable, Info> {
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 0
  private ended: Error | undefined

  private constructor(
    private readonly worker: Worker,
    readonly info: Info,
  ) {
    worker.on('message', (reply: Reply) => this.receive(reply))
    // A model that nobody waits for does not keep the process alive: a program ends with its last line.
    worker.unref()
    worker.on('error', (error) => this.end(error))
    worker.on('exit', (code) => this.end(endedBy(code)))
  }

  /**
   * Starts the module `thread` beside this one with its start data.
   * @throws what opening the model threw; CancelledError where the signal aborts before it is open
   */
  static open<Methods extends MethodTable, Info>(
    thread: string,
    start: unknown,
    onLine?: OnLine,
    signal?: AbortSignal,
  ): Promise<EngineClient<Methods, Info>> {
    if (signal?.aborted) return Promise.reject(new CancelledError())
    const worker = startThread(import.meta.url, thread, start)
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        void worker.terminate()
        reject(error)
      }
      worker.on('error', fail)
      const exit = (code: number) => fail(endedBy(code))
      worker.on('exit', exit)
      const abort = () => fail(new CancelledError())
      signal?.addEventListener('abort', abort, { once: true })
      const first = (reply: Reply) => {
        if (reply.type === 'line') onLine?.(reply.line, reply.passing)
        else if (reply.type === 'error') fail(revivedError(reply.error))
        else if (reply.type === 'opened') {
          worker.off('message', first)
          worker.off('error', fail)
          worker.off('exit', exit)
          signal?.removeEventListener('abort', abort)
          resolve(new EngineClient(worker, reply.info as Info))
        }
      }
      worker.on('message', first)
    })
  }

  call<M extends keyof Methods & string>(
    method: M,
    args: Methods[M]['args'],
    options: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
  ): Promise<Methods[M]['result']> {
    const { signal, onProgress } = options
    if (signal?.aborted) return Promise.reject(new CancelledError())
    if (this.ended) return Promise.reject(this.ended)
    const id = this.nextId++
    const cancel = new Int32Array(new SharedArrayBuffer(4))
    const abort = () => Atomics.store(cancel, 0, 1)
    signal?.addEventListener('abort', abort, { once: true })
    const result = new Promise<Methods[M]['result']>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onProgress })
      this.worker.ref()
      this.worker.postMessage({ id, method, args, cancel } satisfies Request)
    })
    return result.finally(() => signal?.removeEventListener('abort', abort))
  }

  /** Frees the model and ends the thread; calls under way are cancelled. */
  async close(): Promise<void> {
    if (this.ended) return
    this.end(new CancelledError('the model was closed'))
    this.ended = new BumpError('model-unusable', 'the model is closed: open it again to use it')
    await this.worker.terminate()
  }

  private receive(reply: Reply): void {
    if (reply.type === 'progress') this.waiting.get(reply.id)?.onProgress?.(reply.done)
    if (reply.type !== 'result' && reply.type !== 'error') return
    const waiting = this.waiting.get(reply.id)
    this.waiting.delete(reply.id)
    if (this.waiting.size === 0) this.worker.unref()
    if (reply.type === 'error') waiting?.reject(revivedError(reply.error))
    else waiting?.resolve(reply.value as never)
  }

  private end(error: Error): void {
    this.ended ??= error
    for (const { reject } of this.waiting.values()) reject(this.ended)
    this.waiting.clear()
  }
}

/** The thread of a language model. Throws what `EngineClient.open` throws. */
export function startEngine(start: StartData, onLine?: OnLine, signal?: AbortSignal) {
  return EngineClient.open<EngineMethods, EngineInfo>('worker', start, onLine, signal)
}

/** The thread of a sentence encoder. Throws what `EngineClient.open` throws. */
export function startEncoder(start: EncoderStart, onLine?: OnLine, signal?: AbortSignal) {
  return EngineClient.open<EncoderMethods, EncoderInfo>('encoder-worker', start, onLine, signal)
}
