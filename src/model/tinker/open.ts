// The provider of models on a Tinker server: the language-model contract over HTTP. SkyRL serves the protocol on Ray
// over many machines, Thinking Machines as a service. The tokenizer is here, tokens travel.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { sha256, writeFileAtomic } from '../../util/files.ts'
import { parseJson } from '../../util/parse-json.ts'
import { seedFrom } from '../../util/random.ts'
import { refuseUnknown, requireOptions } from '../../util/required.ts'
import {
  type AdamParams,
  type CallOptions,
  type Completion,
  type ForwardBackwardResult,
  type LanguageModel,
  type ModelInfo,
  PROJECTIONS,
  type SampleOptions,
  type SampleRequest,
  type ScoreOptions,
  type ScoreRequest,
  type TokenIds,
  type Tokenizer,
  type TokenLoss,
  type Trainable,
  type TrainCallOptions,
  type TrainGroup,
} from '../contract.ts'
import { resolveTrainable, type TrainableInput } from '../trainable.ts'
import { writeAdapter } from './adapter.ts'
import { Policy, type Reduction } from './policy.ts'
import { probe } from './probe.ts'
import { type SamplingSource, sampleAll, sampleAllowed, scoreAll } from './sampling.ts'
import { TinkerServer, type TinkerServerOptions } from './server.ts'
import { Session } from './session.ts'
import { dataOf, stepOf } from './training.ts'

export interface TinkerOptions extends TinkerServerOptions {
  /** The model's name on the server. */
  model: string
  /** The model's own (`openTokenizer`). */
  tokenizer: Tokenizer
  /** Tokens of the longest text that the model reads. */
  contextLength: number
  /** What others call the model, as adapters and runs name it; default: `model`. */
  name?: string
  /** An adapter of the server's alpha on all linear layers; default 'lora', of rank 16. */
  trainable?: TrainableInput
  /** What the adapter's first weights derive from: the seed of the run. Default 1, as a run's. */
  seed?: number
  /** Ends the opening with a CancelledError. */
  signal?: AbortSignal
  /** Lines about the server. */
  onProgress?: (line: string) => void
}

const OPTIONS: readonly (keyof TinkerOptions)[] = [
  ...(['server', 'apiKey', 'timeout', 'backoff', 'fetch', 'model', 'tokenizer', 'contextLength'] as const),
  ...(['name', 'trainable', 'seed', 'signal', 'onProgress'] as const),
]

/** What the protocol scales adapters by, where a server does not say. */
const ALPHA = 32
/** Nats between trainer and sampler above which the ratios of training are noise. */
const WIDE_GAP = 0.1
/** Milliseconds for a last word to the server. */
const FAREWELL = 5000
const STATE_FILE = 'tinker.json'

/**
 * A model to train on a Tinker server. Its adapter and optimiser live there, and a saved state is on the server as well
 * as in its folder; the folder also has the adapter in PEFT's form. The server trains a rank of LoRA with its own
 * alpha, does not clip gradients, and gives log probabilities at temperature 1: what differs from that is refused, with
 * `invalid-options`.
 * @throws BumpError `invalid-options` for such an option, an address or a key that cannot be used; `model-unusable`
 * where the server has no such model; `server-failed` where it cannot be reached, refuses, or answers what nobody asked
 * for; CancelledError where `signal` aborts
 */
export async function openTinker(options: TinkerOptions): Promise<LanguageModel> {
  requireOptions('openTinker()', options, ['model', 'tokenizer', 'contextLength'])
  refuseUnknown('openTinker()', options, OPTIONS)
  const { signal, seed = 1, onProgress = () => {}, tokenizer } = options
  const trainable = checkedTrainable(options.trainable ?? 'lora')
  const server = TinkerServer.of(options)
  const session = await Session.open(server, options.model, signal)
  try {
    onProgress(`${server.shown} serves ${options.model}; its first answer may take minutes`)
    const text = tokenizer.encode('What a person reads says who that person is.')
    const { reduction, measured, gap } = await probe(session, trainable.rank, text, signal)
    if (!measured) onProgress(`${server.shown} does not tell norms of gradients: it is taken to sum them over texts`)
    if (gap === undefined) onProgress(`${server.shown} gives no log probabilities of prompts: its base cannot judge`)
    else if (gap > WIDE_GAP)
      onProgress(`${server.shown}: trainer and sampler are ${gap.toFixed(2)} nats apart on the same text and weights`)
    const policy = await Policy.create(session, trainable.rank, seedFrom(seed, 'trainable'), signal)
    const alpha = policy.alpha ?? ALPHA
    if (alpha !== trainable.alpha)
      throw new BumpError(
        'invalid-options',
        `the adapter's alpha is ${trainable.alpha}, but ${server.shown} scales adapters by ${alpha}, which only the server can change: set trainable.alpha to ${alpha} (lora.alpha of bump sft)`,
      )
    const contextLength = Math.min(options.contextLength, session.contextLength ?? Number.POSITIVE_INFINITY)
    const info: ModelInfo = {
      name: options.name ?? options.model,
      // Servers do not say what their weights are, but for the name.
      digest: sha256(JSON.stringify(['tinker', options.model])),
      contextLength,
      server: { engine: 'tinker', model: options.model, reduction, promptLogprobs: gap !== undefined },
      opened: { trainable, quantize: 'none', precision: 'f32', seed },
    }
    return new TinkerModel(info, tokenizer, session, policy, reduction, onProgress)
  } catch (error) {
    await session.close()
    throw error
  }
}

/** What such a server can train. Throws BumpError that names what it cannot. */
function checkedTrainable(input: TrainableInput): Extract<Trainable, { type: 'lora' }> {
  const trainable = resolveTrainable(input)
  const refuse = (option: string, why: string) => new BumpError('invalid-options', `${option}: a Tinker server ${why}`)
  if (trainable.type === 'full') throw refuse('trainable.type full', 'trains adapters; use lora')
  if (trainable.rsLora) throw refuse('trainable.rsLora', 'scales by alpha/rank; leave it out')
  if (PROJECTIONS.some((projection) => !trainable.targets.includes(projection)))
    throw refuse('trainable.targets', 'trains adapters on all linear layers; leave it out')
  return trainable
}

const stateSchema = z.object({ model: z.string(), path: z.string() })

class TinkerModel implements LanguageModel {
  private closed = false
  private told = false

  constructor(
    readonly info: ModelInfo,
    readonly tokenizer: Tokenizer,
    private readonly session: Session,
    private readonly policy: Policy,
    private readonly reduction: Reduction,
    private readonly onProgress: (line: string) => void,
  ) {}

  async sample(requests: readonly SampleRequest[], options: SampleOptions): Promise<Completion[][]> {
    const { temperature = 1, stopTokens = this.tokenizer.stopTokens, allowed, weights, signal } = options
    this.enter(signal)
    for (const { prompt } of requests) this.checkText(prompt, options.maxTokens)
    const wanted = { ...options, temperature, stopTokens }
    if (allowed)
      return await sampleAllowed(requests, { ...wanted, allowed }, (prompts, labels) =>
        this.labelLogits(prompts, labels, { weights, signal }),
      )
    if (temperature !== 0 && temperature !== 1) throw refusedTemperature(temperature)
    const source = await this.source(options)
    return await sampleAll(this.session.server, source, requests, wanted, this.tokenizer.vocabSize)
  }

  async score(requests: readonly ScoreRequest[], options: ScoreOptions = {}): Promise<Float32Array[][]> {
    const { weights, signal, temperature = 1, onProgress } = options
    this.enter(signal)
    if (temperature !== 1) throw refusedTemperature(temperature)
    // Servers never answer about a text of no tokens.
    const asked = requests.map(({ prefix, continuations }) => ({
      prefix,
      continuations: continuations.filter(({ length }) => length > 0),
    }))
    for (const { prefix, continuations } of asked)
      for (const tokens of continuations) this.checkText([...prefix, ...tokens], 1, prefix.length)
    const answers =
      weights === 'base'
        ? await scoreAll(this.session.server, this.baseSource, asked, { signal, onProgress })
        : await this.scorePolicy(asked, signal)
    return requests.map(({ continuations }, r) => {
      const left = [...answers[r]]
      return continuations.map(({ length }) => (length === 0 ? new Float32Array(0) : left.shift()!))
    })
  }

  /** By the trainer: the sampler would first have to be given its weights. */
  private async scorePolicy(
    requests: readonly ScoreRequest[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[][]> {
    const groups = requests.map(({ prefix, continuations }) => ({
      prompt: prefix,
      completions: continuations.map((tokens) => ({ tokens })),
    }))
    const logprobs = await this.policy.forward(dataOf(groups), signal)
    let next = 0
    return requests.map(({ prefix, continuations }) =>
      continuations.map(() => logprobs[next++].slice(prefix.length - 1)),
    )
  }

  /** A log probability is a logit but for a constant of its prompt. */
  async labelLogits(prompts: readonly TokenIds[], labels: TokenIds, options?: CallOptions): Promise<Float32Array[]> {
    const continuations = labels.map((label) => [label])
    const scores = await this.score(
      prompts.map((prefix) => ({ prefix, continuations })),
      options,
    )
    return scores.map((ofLabels) => Float32Array.from(ofLabels, ([logprob]) => logprob))
  }

  async forwardBackward(
    groups: readonly TrainGroup[],
    loss: TokenLoss,
    { signal, completions }: TrainCallOptions = {},
  ): Promise<ForwardBackwardResult> {
    this.enter(signal)
    const { policy } = this
    if (loss.type !== 'cross_entropy' && (loss.temperature ?? 1) !== 1) throw refusedTemperature(loss.temperature!)
    for (const { prompt, completions: ofPrompt } of groups)
      for (const { tokens } of ofPrompt) this.checkText([...prompt, ...tokens], 0, prompt.length)
    const data = dataOf(groups)
    const texts = completions ?? data.length
    if (this.reduction === 'mean' && policy.texts + data.length > texts)
      throw new BumpError(
        'invalid-options',
        `forwardBackward: ${this.session.server.shown} averages over all completions up to the optimiser's step: say their number in \`completions\` of every call`,
      )
    const logprobs = await policy.forward(data, signal)
    const step = stepOf(groups, loss, logprobs, this.reduction, texts)
    // A gradient of NaN would spoil the adapter, on some servers everybody's.
    if (!step.data.every(({ advantages }) => advantages.every(Number.isFinite))) return step.result
    await policy.forwardBackward(step.data, signal)
    return step.result
  }

  async optimStep(adam: AdamParams): Promise<{ gradNorm: number | null }> {
    this.enter(undefined)
    if (adam.maxGradNorm > 0)
      throw new BumpError(
        'invalid-options',
        `maxGradNorm is ${adam.maxGradNorm}, but a Tinker server does not clip gradients: set optim.maxGradNorm to 0`,
      )
    return { gradNorm: await this.policy.step(adam) }
  }

  async saveState(folder: string): Promise<void> {
    if (await this.save(folder)) return
    if (!this.told) this.onProgress(`${this.session.server.shown} keeps its adapter to itself: ${MERGED}`)
    this.told = true
  }

  async loadState(folder: string): Promise<void> {
    this.enter(undefined)
    await this.policy.load(stateOf(folder), true)
  }

  async savePolicy(folder: string): Promise<void> {
    if (!(await this.save(folder)))
      throw new BumpError('server-failed', `${this.session.server.shown} sends no adapter: ${MERGED}`)
  }

  async loadPolicy(folder: string): Promise<void> {
    this.enter(undefined)
    await this.policy.load(stateOf(folder), false)
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.session.server.cancelAll()
    // What does not come through is freed when the session is no longer heard of.
    await this.policy.unload(AbortSignal.timeout(FAREWELL)).catch(() => {})
    await this.session.close()
  }

  /** Whether the folder got the adapter, too. */
  private async save(folder: string): Promise<boolean> {
    this.enter(undefined)
    const path = await this.policy.save()
    const archive = await this.policy.adapter()
    if (archive) writeAdapter(folder, archive, this.info.name)
    const state = { model: this.session.baseModel, path }
    writeFileAtomic(join(folder, STATE_FILE), `${JSON.stringify(state, undefined, 2)}\n`)
    return archive !== undefined
  }

  private readonly baseSource: SamplingSource = () => ({ base_model: this.session.baseModel })

  private async source({ weights, signal }: SampleOptions): Promise<SamplingSource> {
    return weights === 'base' ? this.baseSource : await this.policy.sampling(signal)
  }

  private enter(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw new CancelledError()
    if (this.closed) throw new BumpError('model-unusable', 'the model is closed: open it again to use it')
  }

  /** Servers take ids that there are not and texts of any length, and answer with nonsense or never. */
  private checkText(text: TokenIds, more: number, prompt = text.length): void {
    const { vocabSize } = this.tokenizer
    const odd = text.find((token) => !(Number.isInteger(token) && token >= 0 && token < vocabSize))
    if (odd !== undefined)
      throw new BumpError(
        'model-unusable',
        `token ${odd} is not in the vocabulary of ${vocabSize} of ${this.info.name}`,
      )
    if (prompt === 0 || (more === 0 && text.length === prompt))
      throw new BumpError(
        'invalid-options',
        `a ${prompt === 0 ? 'prompt' : 'completion'} has no tokens; give at least one`,
      )
    const length = text.length + more
    if (length > this.info.contextLength)
      throw new BumpError(
        'context-exceeded',
        `a text of ${length} tokens exceeds the model's context of ${this.info.contextLength}; shorten it`,
      )
  }
}

const MERGED =
  'it merges the adapter into the model. What was trained can be used on the server only; SkyRL sends adapters with the JAX backend, and with Megatron where merge_lora is false.'

const refusedTemperature = (temperature: number) =>
  new BumpError(
    'invalid-options',
    `temperature ${temperature}: a Tinker server gives log probabilities at temperature 1 only; sample at 1, or greedily at 0`,
  )

/** Where on the server a saved folder's state is. */
function stateOf(folder: string): string {
  const path = join(folder, STATE_FILE)
  try {
    return stateSchema.parse(parseJson(readFileSync(path, 'utf8'))).path
  } catch (cause) {
    throw new BumpError(
      'run-unusable',
      `${path} is missing or damaged: only what was trained on a Tinker server can go on there`,
      { cause },
    )
  }
}
