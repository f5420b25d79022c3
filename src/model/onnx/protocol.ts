// Messages between the caller's thread (client.ts) and the worker thread of an engine (serve.ts): that of a language
// model (worker.ts) or of a sentence encoder (encoder-worker.ts).

import type { EncoderEngine } from '../../engine/encoder/encoder.ts'
import type { EncoderSettings } from '../../engine/encoder/settings.ts'
import type { Engine, EngineOptions } from '../../engine/engine.ts'
import type { ErrorRecord } from '../../util/thread.ts'
import type { TokenIds } from '../contract.ts'

/**
 * The engine's methods that may be called, with the caller's arguments; cancellation and progress travel beside them.
 */
export type EngineMethods = {
  sample: {
    args: [Parameters<Engine['sample']>[0], Parameters<Engine['sample']>[1], Parameters<Engine['sample']>[2]]
    result: Awaited<ReturnType<Engine['sample']>>
  }
  score: {
    args: [Parameters<Engine['score']>[0], Parameters<Engine['score']>[1], Parameters<Engine['score']>[2]]
    result: Awaited<ReturnType<Engine['score']>>
  }
  labelLogits: {
    args: [
      Parameters<Engine['labelLogits']>[0],
      Parameters<Engine['labelLogits']>[1],
      Parameters<Engine['labelLogits']>[2],
    ]
    result: Awaited<ReturnType<Engine['labelLogits']>>
  }
  forwardBackward: {
    args: [Parameters<Engine['forwardBackward']>[0], Parameters<Engine['forwardBackward']>[1]]
    result: Awaited<ReturnType<Engine['forwardBackward']>>
  }
  optimStep: { args: Parameters<Engine['optimStep']>; result: ReturnType<Engine['optimStep']> }
  savePolicy: { args: [string]; result: undefined }
  loadPolicy: { args: [string]; result: undefined }
  saveState: { args: [string]; result: undefined }
  loadState: { args: [string]; result: undefined }
  policyDigest: { args: []; result: string }
}

export interface StartData {
  path: string
  options: Omit<EngineOptions, 'onProgress'>
}

/** What an encoder's thread can be asked. */
export type EncoderMethods = {
  encode: { args: [texts: (readonly TokenIds[])[]]; result: Float32Array[] }
}

export interface EncoderStart {
  folder: string
  settings: EncoderSettings
  threads?: number
}

/** Any table of methods. */
export type MethodTable = Record<string, { args: unknown[]; result: unknown }>

export interface Request {
  id: number
  method: string
  args: unknown[]
  /** One shared flag per call: 1 cancels it. */
  cancel: Int32Array
}

/** What an opened engine or encoder says of itself. */
export type EngineInfo = Engine['info']
export type EncoderInfo = EncoderEngine['info']

export type Reply =
  | { type: 'opened'; info: EngineInfo | EncoderInfo }
  | { type: 'line'; line: string; passing?: boolean }
  /** Tokens sampled, or the share of the work that is done. */
  | { type: 'progress'; id: number; done: number }
  | { type: 'result'; id: number; value: unknown }
  /** `id` −1: opening the model failed. */
  | { type: 'error'; id: number; error: ErrorRecord }
