// The models of an evaluation: those that the caller opened are used as they are, those that are only named are opened
// one at a time and closed again.
import type { LanguageModel } from '../../model/contract.ts'
import { type OnnxModel, type OpenModelOptions, openModel, refuseUnusable } from '../../model/onnx/open.ts'

/** What models that are named run on, each by itself. */
export type EvaluationEngine = Pick<OpenModelOptions, 'device' | 'threads' | 'memory'>
/** A model that was opened by its name. */
export type NamedModel = OnnxModel

export class EvaluationModels {
  constructor(private readonly engine: EvaluationEngine & Pick<OpenModelOptions, 'signal' | 'onProgress'>) {}

  /** Throws a BumpError where a model on this machine cannot be opened, before other work is done. */
  refuseUnusable(model: LanguageModel | string | undefined): void {
    if (typeof model === 'string') refuseUnusable(model)
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
export function nameOf(model: LanguageModel | string): string {
  return typeof model === 'string' ? model : model.info.name
}
