// The models of an evaluation: those that the caller opened are used as they are, those that are only named are opened
// one at a time and closed again.
import type { LanguageModel } from '../../model/contract.ts'
import type { JudgeModel, Pooling } from '../../model/encoder.ts'
import { type OnnxModel, type OpenModelOptions, openModel, refuseUnusable } from '../../model/onnx/open.ts'
import { openEncoder, refuseUnusableEncoder } from '../../model/onnx/open-encoder.ts'
import { openServedModel, type ServedModelOptions } from '../../model/openai/served.ts'
import type { ServedModel } from '../../model/served.ts'
import { BumpError } from '../../util/errors.ts'

/** What models that are named run on, each by itself. */
export type EvaluationEngine = Pick<OpenModelOptions, 'device' | 'threads' | 'memory'>
/** A model that was opened by its name. */
export type NamedModel = OnnxModel

/** What of a judge's options decides how its model is opened. */
interface JudgeReader {
  scorer: string
  pooling?: Pooling
  server?: string
}

export class EvaluationModels {
  /** `judgeServer`: where judges are that read with a model on a server. */
  constructor(
    private readonly engine: EvaluationEngine & Pick<OpenModelOptions, 'signal' | 'onProgress'>,
    private readonly judgeServer?: Omit<ServedModelOptions, 'model'>,
  ) {}

  /** Throws a BumpError where a model on this machine cannot be opened, before other work is done. */
  refuseUnusable(model: LanguageModel | string | undefined): void {
    if (typeof model === 'string') refuseUnusable(model)
  }

  /** As `refuseUnusable`, of the model that a judge reads with. */
  refuseUnusableJudge(model: JudgeModel | string, judge: JudgeReader): void {
    if (typeof model !== 'string') return
    if (judge.server !== undefined) this.served(judge.server)
    else if (judge.scorer === 'embedding') refuseUnusableEncoder(model, judge.pooling)
    else refuseUnusable(model)
  }

  /** `work` on the model that a judge reads with, as it is or by its name. */
  async judge<T>(
    model: JudgeModel | string,
    judge: JudgeReader,
    work: (model: JudgeModel) => Promise<T>,
    options: Pick<OpenModelOptions, 'quantize'> = {},
  ): Promise<T> {
    if (typeof model !== 'string') return await work(model)
    if (judge.server !== undefined) {
      const served = this.served(judge.server)
      const worked = await work(served)
      const spent = served.spent()
      if (spent) this.engine.onProgress?.(spent)
      return worked
    }
    if (judge.scorer !== 'embedding') return await this.named(model, work, options)
    const { device, ...engine } = this.engine
    const encoder = await openEncoder(model, { ...engine, pooling: judge.pooling })
    try {
      return await work(encoder)
    } finally {
      await encoder.close()
    }
  }

  private served(name: string): ServedModel {
    const { judgeServer, engine } = this
    if (judgeServer) return openServedModel({ ...judgeServer, model: name, onNote: engine.onProgress })
    throw new BumpError(
      'invalid-options',
      `the judge reads with ${name} on a server, and no file says where that is: give its address by judgeServer, or name another judge`,
    )
  }

  /** `work` on a model, as it is or by its name; `options` are for one that is opened. */
  async use<T>(
    model: LanguageModel | string,
    work: (model: LanguageModel) => Promise<T>,
    options: Pick<OpenModelOptions, 'quantize'> = {},
  ): Promise<T> {
    return typeof model === 'string' ? await this.named(model, work, options) : await work(model)
  }

  /** `work` on the model of a name. */
  async named<T>(
    name: string,
    work: (model: OnnxModel) => Promise<T>,
    options: Pick<OpenModelOptions, 'quantize' | 'trainable'> = {},
  ): Promise<T> {
    const opened = await openModel(name, { ...options, ...this.engine })
    try {
      return await work(opened)
    } finally {
      await opened.close()
    }
  }
}

/** What a model is called. */
export function nameOf(model: JudgeModel | string): string {
  return typeof model === 'string' ? model : model.info.name
}
