// The models of a run: those that the caller gave, and those that are opened by name and closed again.
import { join } from 'node:path'
import type { ScoreStore } from '../judge/cache.ts'
import { type AnyJudgeConfig, type JudgeConfig, sameJudge, servedModelOf, singleJudges } from '../judge/config.ts'
import { createJudges, neededOfServer, readsEncoder } from '../judge/judge.ts'
import { lazyScoreFile } from '../judge/score-file.ts'
import type { AnyJudge } from '../judge/several.ts'
import type { LanguageModel } from '../model/contract.ts'
import type { Encoder, JudgeModel, Pooling } from '../model/encoder.ts'
import { type OpenModelOptions, openModel, refuseUnusable } from '../model/onnx/open.ts'
import { openEncoder, refuseUnusableEncoder } from '../model/onnx/open-encoder.ts'
import { openTokenizer } from '../model/onnx/open-tokenizer.ts'
import { openServedModel } from '../model/openai/served.ts'
import type { ServedModel, ServerAccess } from '../model/served.ts'
import { openTinker, type TinkerOptions } from '../model/tinker/open.ts'
import type { HardExamplesConfig } from '../reward/config.ts'
import type { OnLine } from '../util/byte-progress.ts'
import { BumpError } from '../util/errors.ts'
import { type TrainConfig, trainConfigSchema } from './config.ts'
import { type WholeTextJudge, wholeTextJudge } from './measure.ts'

/** What models that are named run on: device, threads and memory; the policy on a Tinker server, with `type`. */
export type TrainEngine = Pick<OpenModelOptions, 'device' | 'threads' | 'memory'> &
  Pick<TinkerOptions, 'server'> &
  Partial<NonNullable<TrainConfig['engine']>>

/** Throws BumpError where a server is named that trains nothing. */
export function refuseIdleServer({ type, server }: TrainEngine = {}): void {
  if (server !== undefined && type === undefined)
    throw new BumpError(
      'invalid-options',
      'engine.server does nothing here: the model is trained on this machine. Set engine.type to tinker',
    )
}

/** A model to train on a Tinker server, its tokenizer here. */
export async function openOnServer(
  name: string,
  { model = name, server }: TrainEngine,
  options: Pick<TinkerOptions, 'trainable' | 'seed' | 'signal' | 'onProgress'>,
): Promise<LanguageModel> {
  const { tokenizer, contextLength } = await openTokenizer(name, options)
  return await openTinker({ ...options, name, model, server, tokenizer, contextLength })
}

/** What of the options of train() decides its models. */
export interface GivenModels {
  model: LanguageModel | string
  judgeModel?: JudgeModel
  judgeServer?: ServerAccess
  out: string
  embedder?: Encoder
  engine?: TrainEngine
  signal?: AbortSignal
}

/** Throws BumpError where two judges of a run would give the same scores; `custom`: a judge of one's own rewards. */
export function refuseSameJudges({ model, judge, test }: TrainConfig, custom: boolean): void {
  const judges = [...(custom ? [] : singleJudges(judge)), ...(test.judges ?? [])]
  const twice = judges.find((each, i) => judges.slice(0, i).some((before) => sameJudge(before, each, model)))
  if (twice)
    throw new BumpError(
      'invalid-options',
      `two judges of this run are the same, the ${twice.scorer} scorer on ${servedModelOf(twice) ?? twice.model ?? model}: name it once, in judge or in test.judges`,
    )
}

/** Throws BumpError where a judge needs a server and none is named, or one is named and no judge needs it. */
export function refuseOtherServers(judges: readonly JudgeConfig[], judgeServer: ServerAccess | undefined): void {
  const served = judges.map(servedModelOf).find((name) => name !== undefined)
  if (served !== undefined && judgeServer === undefined)
    throw new BumpError(
      'invalid-options',
      `a judge of this run reads with ${served} on a server, to which texts of the logs are sent: give its address by judgeServer, no file names it`,
    )
  if (served === undefined && judgeServer !== undefined)
    throw new BumpError(
      'invalid-options',
      'judgeServer does nothing here: no judge reads with a model on a server. Name that model by judge.server',
    )
}

/** Throws BumpError where the model to train here, that of a judge, or the embedder lies here and cannot be used. */
export function refuseUnusableModels(
  model: LanguageModel | string | undefined,
  judges: readonly JudgeConfig[],
  hardExamples?: HardExamplesConfig,
): void {
  if (typeof model === 'string') refuseUnusable(model)
  if (hardExamples) refuseUnusableEncoder(hardExamples.embedder, hardExamples.pooling)
  for (const judge of judges)
    if (judge.scorer === 'embedding') refuseUnusableEncoder(judge.model, judge.pooling)
    else if (judge.model !== undefined) refuseUnusable(judge.model)
}

export class Models {
  private readonly opened: JudgeModel[] = []
  /** What judges read with that named it, so that two judges on one model open it once. */
  private readonly readers = new Map<string, JudgeModel>()
  /** Models on the server, by their names there. */
  private readonly served = new Map<string, ServedModel>()
  /** What servers answered to judges. */
  private readonly answers: ScoreStore

  constructor(
    private readonly options: GivenModels,
    /** Says how the policy is read, once it is open. */
    public config: TrainConfig,
    private readonly onProgress: OnLine,
  ) {
    this.answers = lazyScoreFile(join(options.out, 'judge-answers.jsonl'))
  }

  async policy(): Promise<LanguageModel> {
    const { model } = this.options
    const { trainable, seed, engine } = this.config
    const named = (name: string) => (engine ? this.onServer(name, engine) : this.open(name, { trainable, seed }))
    const policy = typeof model === 'string' ? await named(model) : model
    // Parsed again, its keys stand in the order of the schema, whoever set them.
    this.config = trainConfigSchema.parse({ ...this.config, quantize: policy.info.opened?.quantize ?? 'none' })
    return policy
  }

  /** The judge of the run, by the model that the caller opened, those that it names, or the policy's frozen base. */
  async judge(policy: LanguageModel): Promise<{ judge: AnyJudge; wholeTexts: WholeTextJudge }> {
    const { judge } = this.config
    const { judgeModel } = this.options
    const models = judgeModel ? [judgeModel] : await this.readersOf(judge, policy)
    return { judge: createJudges(models, judge), wholeTexts: wholeTextJudge(models, judge) }
  }

  /** What each judge of a configuration reads with; default: the frozen base of the policy. */
  async readersOf(config: AnyJudgeConfig, policy: LanguageModel): Promise<JudgeModel[]> {
    const readers: JudgeModel[] = []
    for (const judge of singleJudges(config)) readers.push(await this.reader(judge, policy))
    return readers
  }

  /** The encoder that chooses hard examples. */
  async embedder({ embedder, pooling }: HardExamplesConfig): Promise<Encoder> {
    return this.options.embedder ?? (await this.encoder(embedder, pooling))
  }

  async close(): Promise<void> {
    for (const model of this.opened) await model.close()
    for (const model of this.served.values()) {
      const spent = model.spent()
      if (spent) this.onProgress(spent)
    }
  }

  async open(name: string, options: Pick<OpenModelOptions, 'trainable' | 'seed'> = {}): Promise<LanguageModel> {
    const { signal, engine: { device, threads, memory } = {} } = this.options
    // The limit on memory is training's.
    const shared = { device, threads, memory: options.trainable ? memory : undefined }
    const model = await openModel(name, {
      ...shared,
      quantize: this.config.quantize,
      precision: this.config.precision,
      signal,
      onProgress: this.onProgress,
      ...options,
    })
    this.opened.push(model)
    return model
  }

  private async onServer(name: string, recorded: TrainEngine): Promise<LanguageModel> {
    const { engine, signal } = this.options
    const { trainable, seed } = this.config
    const { onProgress } = this
    const at = { ...recorded, server: engine?.server }
    const model = await openOnServer(name, at, { trainable, seed, signal, onProgress })
    this.opened.push(model)
    return model
  }

  private async reader(judge: JudgeConfig, policy: LanguageModel): Promise<JudgeModel> {
    const served = servedModelOf(judge)
    if (served !== undefined) return await this.servedReader(served, judge)
    if (judge.model === undefined) return policy
    const pooling = judge.scorer === 'embedding' ? judge.pooling : undefined
    const key = JSON.stringify([readsEncoder(judge), judge.model, pooling])
    const known = this.readers.get(key)
    if (known) return known
    const reader = readsEncoder(judge) ? await this.encoder(judge.model, pooling) : await this.open(judge.model)
    this.readers.set(key, reader)
    return reader
  }

  /** A model on the server; every answer is kept in the run's folder, so that nothing is asked twice. */
  private async servedReader(name: string, judge: JudgeConfig): Promise<ServedModel> {
    const { answers } = this
    const { judgeServer, signal } = this.options
    const model =
      this.served.get(name) ?? openServedModel({ ...judgeServer!, model: name, answers, onNote: this.onProgress })
    this.served.set(name, model)
    await model.ready(neededOfServer(judge), signal)
    return model
  }

  private async encoder(name: string, pooling: Pooling | undefined): Promise<Encoder> {
    const { engine, signal } = this.options
    const { onProgress } = this
    const encoder = await openEncoder(name, { pooling, threads: engine?.threads, signal, onProgress })
    this.opened.push(encoder)
    return encoder
  }
}
