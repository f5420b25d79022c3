// Messages between the caller's thread (client.ts) and the engine's worker thread (worker.ts).

import type { Engine, EngineOptions } from '../../engine/engine.ts'
import type { ErrorRecord } from '../../util/thread.ts'

/**
 * The engine's methods that may be called, with the caller's arguments; cancellation and progress travel beside them.
 */
export interface Methods {
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

export type MethodName = keyof Methods

export interface StartData {
  path: string
  options: Omit<EngineOptions, 'onProgress'>
}

export interface Request {
  id: number
  method: MethodName
  args: unknown[]
  /** One shared flag per call: 1 cancels it. */
  cancel: Int32Array
}

export type Reply =
  | { type: 'opened'; info: Engine['info'] }
  | { type: 'line'; line: string; passing?: boolean }
  /** Tokens sampled, or the share of the work that is done. */
  | { type: 'progress'; id: number; done: number }
  | { type: 'result'; id: number; value: unknown }
  /** `id` −1: opening the model failed. */
  | { type: 'error'; id: number; error: ErrorRecord }
