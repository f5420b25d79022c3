// The thread of a language model's engine.
import { workerData } from 'node:worker_threads'
import { Engine } from '../../engine/engine.ts'
import type { EngineMethods, StartData } from './protocol.ts'
import { type Call, serve } from './serve.ts'

async function answer(engine: Engine, { method, args, cancelled, onProgress }: Call): Promise<unknown> {
  // The arguments were typed by the client's `EngineMethods`; structured cloning keeps their shapes.
  const [a, b, c] = args as [never, never, never]
  switch (method as keyof EngineMethods) {
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
      return engine[method as 'savePolicy' | 'loadPolicy' | 'saveState' | 'loadState'](a)
  }
}

const { path, options } = workerData as StartData
await serve((onProgress) => Engine.open(path, { ...options, onProgress }), answer)
