// The thread of a sentence encoder.
import { workerData } from 'node:worker_threads'
import { EncoderEngine } from '../../engine/encoder/encoder.ts'
import type { EncoderMethods, EncoderStart } from './protocol.ts'
import { serve } from './serve.ts'

const { folder, settings, threads } = workerData as EncoderStart
await serve(
  () => EncoderEngine.open(folder, settings, { threads }),
  (engine, { args, cancelled, onProgress }) => {
    const [texts] = args as EncoderMethods['encode']['args']
    return engine.encode(texts, cancelled, onProgress)
  },
)
