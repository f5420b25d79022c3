// The policy on a Tinker server: one adapter with the state of its optimiser, in the strict order save, sample, forward
// and backward, step. On servers whose trainer and sampler share their weights, any other order samples from weights
// that have moved, or moves those in training back.
import { z } from 'zod'
import { BumpError, CancelledError } from '../../util/errors.ts'
import type { AdamParams } from '../contract.ts'
import type { SamplingSource } from './sampling.ts'
import { LostAnswer, Refusal } from './server.ts'
import type { RemoteModel, Session } from './session.ts'
import { type Datum, passBody, passPath, readPass } from './wire.ts'

/** How the gradients of several texts become one: their sum, or the mean over texts of the mean over tokens. */
export type Reduction = 'sum' | 'mean'

/** Of one request: what the hosted service's own client keeps to. */
const MOST_DATA = 1024
/** About 5 MB of protobuf. */
const MOST_TOKENS = 200_000
/** A gzip file's first bytes. */
const GZIP = Uint8Array.of(0x1f, 0x8b)
/** An adapter of rank 64 on all layers of a 30 B model is smaller. */
const MOST_ADAPTER = 2 ** 31 - 1

const stepSchema = z.object({ metrics: z.record(z.string(), z.number().nullable()).nullish() })
const sessionSchema = z.object({ sampling_session_id: z.string().nullish(), path: z.string().nullish() })
const TRAINING_PATH = /^tinker:\/\/[\w:.-]+\/weights\/[\w.-]+$/
const pathSchema = z.object({ path: z.string().regex(TRAINING_PATH) })
const infoSchema = z.object({ base_model: z.string(), lora_rank: z.number().nullish() })

export class Policy {
  /** Numbers of the requests that the server orders and counts by. */
  private seq = 0
  private names = 0
  private sampler: Promise<SamplingSource> | undefined
  /** Texts whose gradient the server holds; undefined: nobody knows. */
  private held: number | undefined = 0
  /** Whether nobody knows which weights the server has: a step's answer was lost, or one model not yet replaced. */
  private adrift = false

  private constructor(
    private readonly session: Session,
    private readonly rank: number,
    private readonly seed: number,
    private model: RemoteModel,
  ) {}

  static async create(session: Session, rank: number, seed: number, signal?: AbortSignal): Promise<Policy> {
    return new Policy(session, rank, seed, await session.create(rank, seed, signal))
  }

  /** What the server scales adapters by; undefined where it does not say. */
  get alpha(): number | undefined {
    return this.model.alpha
  }

  /** Texts whose gradient is there already. */
  get texts(): number {
    return this.held ?? 0
  }

  /** [datum] log probability of each target, without a gradient. */
  async forward(data: readonly Datum[], signal?: AbortSignal): Promise<Float32Array[]> {
    this.refuseAdrift()
    return await this.pass(data, true, signal)
  }

  /**
   * Adds the gradient of −Σ exp(logprob − old)·advantage over all targets, reduced as the server does. Where it throws,
   * the server's gradient is whatever has arrived, and the next call begins at none.
   */
  async forwardBackward(data: readonly Datum[], signal?: AbortSignal): Promise<void> {
    this.refuseAdrift()
    if (this.held === undefined) await this.renew(signal)
    for (let tries = 0; ; tries++) {
      const before = this.held ?? 0
      this.held = undefined
      try {
        await this.pass(data, false, signal)
        this.held = before + data.length
        return
      } catch (error) {
        // A request that may have counted cannot be sent again, but all of it can from where it began.
        if (!(error instanceof LostAnswer) || before > 0 || tries === 3) throw error
        await this.renew(signal)
      }
    }
  }

  /** The optimiser's step; the norm of the gradient before it, where the server says it. */
  async step(adam: AdamParams): Promise<number | null> {
    if (!this.held)
      throw new BumpError('training-failed', 'optimStep: the server holds no gradient; call forwardBackward first')
    this.adrift = true
    this.held = undefined
    this.sampler = undefined
    const { learningRate, beta1, beta2, eps, weightDecay } = adam
    const adam_params = { learning_rate: learningRate, beta1, beta2, eps, weight_decay: weightDecay }
    const body = { ...this.numbered(), adam_params, type: 'optim_step' }
    const options = { repeatable: this.countsOnce }
    const { metrics } = await this.session.server.work('optim_step', body, stepSchema, options)
    this.adrift = false
    this.held = 0
    const [norm] = Object.entries(metrics ?? {}).filter(([name]) => /(^|[/.])grad_norm$/.test(name))
    // A norm that JSON has no number for is none.
    return norm === undefined ? null : (norm[1] ?? Number.NaN)
  }

  /** What samples say to be drawn from the policy as it is now. */
  async sampling(signal?: AbortSignal): Promise<SamplingSource> {
    this.refuseAdrift()
    this.sampler ??= this.saveSampler(signal)
    const made = this.sampler
    try {
      return await made
    } catch (error) {
      if (this.sampler === made) this.sampler = undefined
      throw error
    }
  }

  /** Keeps weights and optimiser on the server; the place, for `load`. */
  async save(signal?: AbortSignal): Promise<string> {
    this.refuseAdrift()
    const { path } = await this.named('save_weights', pathSchema, signal)
    return path
  }

  /**
   * Goes on from a saved state. It is looked up first: where the server does not have it, nothing changes.
   * @throws BumpError `run-unusable` where it is not there, or belongs to another model or rank
   */
  async load(path: string, optimizer: boolean, signal?: AbortSignal): Promise<void> {
    const { session, rank } = this
    const unusable = (why: string) => new BumpError('run-unusable', `${path}: ${session.server.shown} ${why}`)
    if (!TRAINING_PATH.test(path)) throw unusable('keeps nothing under such a name')
    try {
      const info = await session.server.ask('weights_info', { tinker_path: path }, infoSchema, { signal })
      if (info.base_model !== session.baseModel)
        throw unusable(`has it of ${info.base_model}, but this run trains ${session.baseModel}`)
      if (info.lora_rank && info.lora_rank !== rank)
        throw unusable(`has it of rank ${info.lora_rank}, but this run trains rank ${rank}: use the same rank`)
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 404) throw error
      throw unusable('no longer has it. A run goes on on the server that keeps its checkpoints, with their folder')
    }
    await this.replace(path, optimizer, signal)
  }

  /** The adapter as the server packs it; undefined where what it sends is none. */
  async adapter(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const { server } = this.session
    const { name } = await this.named('save_weights_for_sampler', z.looseObject({}), signal)
    const path = `training_runs/${this.model.id}/checkpoints/${name}/archive`
    return await server.download(path, { magic: GZIP, most: MOST_ADAPTER, signal })
  }

  async unload(signal?: AbortSignal): Promise<void> {
    await this.session.unload(this.model, signal)
  }

  private refuseAdrift(): void {
    if (this.adrift)
      throw new BumpError(
        'training-failed',
        'it is not known which weights the server has, since the answer to a step was lost: load a saved state first',
      )
  }

  /** Whether the server knows a request that it is sent twice. */
  private get countsOnce(): boolean {
    return this.session.wire === 'protobuf'
  }

  private numbered(): { model_id: string; seq_id: number } {
    return { model_id: this.model.id, seq_id: ++this.seq }
  }

  /** Hands all parts in, then waits for them: the server works at one while the next is on its way. */
  private async pass(data: readonly Datum[], forwardOnly: boolean, signal?: AbortSignal): Promise<Float32Array[]> {
    const { server, wire } = this.session
    const waiting: { part: Datum[]; path: string; id: string }[] = []
    for (const part of parts(data)) {
      const request = { modelId: this.model.id, seqId: ++this.seq, data: part, forwardOnly }
      const path = passPath(request, wire)
      const id = await server.submit(path, passBody(request, wire), {
        signal,
        repeatable: forwardOnly || this.countsOnce,
      })
      waiting.push({ part, path, id })
    }
    const logprobs: Float32Array[][] = []
    for (const { part, path, id } of waiting) {
      const body = await server.result(path, id, signal)
      logprobs.push(server.read(path, () => readPass(body, part)))
    }
    return logprobs.flat()
  }

  private async saveSampler(signal: AbortSignal | undefined): Promise<SamplingSource> {
    const { server } = this.session
    for (let tries = 0; ; tries++) {
      const body = { ...this.numbered(), sampling_session_seq_id: this.names++, type: 'save_weights_for_sampler' }
      try {
        const saved = await server.work('save_weights_for_sampler', body, sessionSchema, { signal })
        let asked = 0
        if (saved.sampling_session_id)
          return () => ({ sampling_session_id: saved.sampling_session_id, seq_id: asked++ })
        if (saved.path) return () => ({ model_path: saved.path })
        throw new BumpError('server-failed', `${server.shown} saves weights to sample from, but does not say where`)
      } catch (error) {
        if (!taken(error) || tries === 3) throw error
      }
    }
  }

  /** Saves under a name of its own. One that is taken was saved by a request whose answer was lost. */
  private async named<T extends object>(
    path: string,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<T & { name: string }> {
    for (let tries = 0; ; tries++) {
      const name = `bump-${this.names++}`
      try {
        const saved = await this.session.server.work(path, { ...this.numbered(), path: name, type: path }, schema, {
          signal,
        })
        return { ...saved, name }
      } catch (error) {
        if (!taken(error) || tries === 3) throw error
      }
    }
  }

  /** The same policy without a gradient. */
  private async renew(signal: AbortSignal | undefined): Promise<void> {
    await this.replace(await this.save(signal), true, signal)
  }

  /** Weights can be loaded into a new model only, and some servers hold one at a time. */
  private async replace(path: string, optimizer: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { session, rank, seed } = this
    if (signal?.aborted) throw new CancelledError()
    this.held = undefined
    this.sampler = undefined
    // From here on to the end: between two models there is no policy.
    this.adrift = true
    if (this.seq > 0) {
      await session.unload(this.model)
      this.model = await session.create(rank, seed)
      this.seq = 0
    }
    await session.server.work(
      'load_weights',
      { ...this.numbered(), path, optimizer, type: 'load_weights' },
      z.unknown(),
    )
    this.held = 0
    this.adrift = false
  }
}

const taken = (error: unknown): boolean => error instanceof Refusal && error.status === 409

/** The data in parts that one request may hold. */
function parts(data: readonly Datum[]): Datum[][] {
  const all: Datum[][] = []
  let tokens = Number.POSITIVE_INFINITY
  for (const datum of data) {
    tokens += datum.tokens.length
    if (tokens > MOST_TOKENS || all[all.length - 1].length === MOST_DATA) {
      all.push([])
      tokens = datum.tokens.length
    }
    all[all.length - 1].push(datum)
  }
  return all
}
