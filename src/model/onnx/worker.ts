// The engine's thread: opens one model and serves calls one after another.
import { parentPort, workerData } from 'node:worker_threads'
import { Engine } from '../../engine/engine.ts'
import { errorRecord } from '../../util/thread.ts'
import type { Reply, Request, StartData } from './protocol.ts'

const port = parentPort
if (!port) throw new Error('this file runs as a worker thread')
const reply = (message: Reply) => port.postMessage(message)

async function call(engine: Engine, { id, method, args, cancel }: Request): Promise<unknown> {
  const cancelled = () => Atomics.load(cancel, 0) === 1
  let reported = 0
  const onProgress = (done: number) => {
    if (performance.now() - reported < 200) return
    reported = performance.now()
    reply({ type: 'progress', id, done })
  }
  // The arguments were typed by the client's `Methods`; structured cloning keeps their shapes.
  const [a, b, c] = args as [never, never, never]
  switch (method) {
    case 'sample':
      return engine.sample(a, b, c, cancelled, onProgress)
    case 'score':
      return engine.score(a, b, c, cancelled, onProgress)
    case 'labelLogits':
      return engine.labelLogits(a, b, c, cancelled, onProgress)
    case 'forwardBackward':
      return engine.forwardBackward(a, b, cancelled)
    case 'optimStep':
      return engine.optimStep(a)
    case 'policyDigest':
      return engine.policyDigest()
    default:
      return engine[method](a)
  }
}

const { path, options } = workerData as StartData
try {
  const engine = await Engine.open(path, {
    ...options,
    onProgress: (line, passing) => reply({ type: 'line', line, passing }),
  })
  let queue = Promise.resolve()
  port.on('message', (request: Request) => {
    queue = queue.then(async () => {
      try {
        reply({ type: 'result', id: request.id, value: await call(engine, request) })
      } catch (error) {
        reply({ type: 'error', id: request.id, error: errorRecord(error) })
      }
    })
  })
  reply({ type: 'opened', info: engine.info })
} catch (error) {
  reply({ type: 'error', id: -1, error: errorRecord(error) })
}
