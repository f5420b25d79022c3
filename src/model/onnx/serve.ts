// The thread's side of an engine: opens it and serves calls one after another.
import { parentPort } from 'node:worker_threads'
import type { OnLine } from '../../util/byte-progress.ts'
import { errorRecord } from '../../util/thread.ts'
import type { EncoderInfo, EngineInfo, Reply, Request } from './protocol.ts'

/** One call: whether the caller has cancelled it, and where its progress goes. */
export interface Call extends Pick<Request, 'method' | 'args'> {
  cancelled: () => boolean
  onProgress: (done: number) => void
}

/** Opens what the caller asked for and answers its calls until the thread is ended. */
export async function serve<Served extends { readonly info: EngineInfo | EncoderInfo }>(
  open: (onLine: OnLine) => Promise<Served>,
  answer: (served: Served, call: Call) => Promise<unknown>,
): Promise<void> {
  const port = parentPort
  if (!port) throw new Error('this file runs as a worker thread')
  const reply = (message: Reply) => port.postMessage(message)
  try {
    const served = await open((line, passing) => reply({ type: 'line', line, passing }))
    let queue = Promise.resolve()
    port.on('message', ({ id, method, args, cancel }: Request) => {
      let reported = 0
      const onProgress = (done: number) => {
        if (performance.now() - reported < 200) return
        reported = performance.now()
        reply({ type: 'progress', id, done })
      }
      const cancelled = () => Atomics.load(cancel, 0) === 1
      queue = queue.then(async () => {
        try {
          reply({ type: 'result', id, value: await answer(served, { method, args, cancelled, onProgress }) })
        } catch (error) {
          reply({ type: 'error', id, error: errorRecord(error) })
        }
      })
    })
    reply({ type: 'opened', info: served.info })
  } catch (error) {
    reply({ type: 'error', id: -1, error: errorRecord(error) })
  }
}
