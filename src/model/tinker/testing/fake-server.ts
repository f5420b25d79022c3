// A Tinker server on this machine, with the embedded engine behind it: real arithmetic, the protocol as SkyRL's JAX
// backend speaks it (0.4 in protobuf, 0.3 in JSON), its traps, and faults on demand. What a client must never do is
// noted in `violations`.
import { mkdtempSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { LanguageModel } from '../../contract.ts'
import type { Reduction } from '../policy.ts'
import type { Wire } from '../wire.ts'
import { adapterArchive } from './fake-archive.ts'
import { engineOf, giveBack, spareOf } from './fake-engines.ts'
import {
  encodedPass,
  encodedSample,
  type FakeDatum,
  type Fault,
  Refused,
  type Result,
  readPassRequest,
  type SampleBody,
  type SampleResult,
} from './fake-wire.ts'

export interface FakeOptions {
  /** Folder of the model that it serves. */
  model: string
  wire: Wire
  reduction: Reduction
  /** What happens to the n-th request of a path, counted from 1; undefined: nothing. */
  fault?: (path: string, count: number) => Fault | undefined
  /** Milliseconds after which a question about a future is answered by 408; default 20 000. */
  hold?: number
  /** Sends merged weights in place of adapters, as FSDP does. */
  merged?: boolean
  /** Does not tell norms of gradients. */
  silent?: boolean
  apiKey?: string
}

interface FakeModel {
  engine: LanguageModel
  rank: number
  /** Requests so far. */
  asked: number
  pending: FakeDatum[]
  /** By sequence number: what was asked, and its future. */
  known: Map<number, { request: unknown; id: string }>
  /** Optimiser's steps so far, and at the last save to sample from. */
  steps: number
  sampledAt: number
}

export interface FakeServer {
  address: string
  violations: string[]
  paths: string[]
  keys: Set<string | undefined>
  /** Forgets everything but checkpoints, as a server does that is started anew. */
  restart(): void
  close(): Promise<void>
}

export const SERVED = 'served-here'

/** Starts it; `close` ends it. */
export async function fakeServer(options: FakeOptions): Promise<FakeServer> {
  const { wire, hold = 20_000 } = options
  const folder = mkdtempSync(join(tmpdir(), 'bump-fake-tinker-'))
  const models = new Map<string, FakeModel>()
  const checkpoints = new Map<string, { folder: string; rank: number }>()
  const samplers = new Map<string, string>()
  const futures = new Map<string, Promise<Result>>()
  const counts = new Map<string, number>()
  const sessions = new Set<string>()
  const violations: string[] = []
  const paths: string[] = []
  const keys = new Set<string | undefined>()
  let made = 0
  const name = (kind: string) => `${kind}_${++made}`

  // The engine works at one thing after the other.
  let last: Promise<unknown> = Promise.resolve()
  function future(work: () => Promise<Result>): string {
    const id = String(++made)
    const done = last.then(work)
    last = done.catch(() => {})
    done.catch(() => {})
    futures.set(id, done)
    return id
  }

  function modelOf(id: string): FakeModel {
    const model = models.get(id)
    if (!model) throw new Refused(404, 'Model not found')
    return model
  }

  function loaded(id: string): FakeModel {
    const model = models.get(id)
    if (!model) throw new Refused(400, `Model ${id} not loaded (likely stale request from previous server)`)
    return model
  }

  /** The future of a training request; in 0.4 a request that is sent twice has one. */
  function training(
    body: { model_id: string; seq_id?: number },
    request: unknown,
    work: () => Promise<Result>,
  ): string {
    const model = modelOf(body.model_id)
    model.asked++
    const known = wire === 'protobuf' && body.seq_id ? model.known.get(body.seq_id) : undefined
    if (known && !isDeepStrictEqual(known.request, request))
      throw new Refused(409, 'Training request sequence number was reused')
    if (known) return known.id
    const id = future(work)
    if (body.seq_id) model.known.set(body.seq_id, { request, id })
    return id
  }

  const logprobsOf = async (engine: LanguageModel, texts: number[][], weights: 'policy' | 'base') =>
    (
      await engine.score(
        texts.map((text) => ({ prefix: text.slice(0, 1), continuations: [text.slice(1)] })),
        { weights, exact: true },
      )
    ).map(([logprobs]) => logprobs)

  function pass(data: FakeDatum[], modelId: string, forwardOnly: boolean, lossName: string) {
    return async (): Promise<Result> => {
      const model = loaded(modelId)
      if (data.length === 0 || data.some(({ tokens }) => tokens.length === 0)) violations.push('data that never ends')
      if (lossName !== 'importance_sampling') throw new Refused(422, `no loss ${lossName}`)
      const logprobs = await logprobsOf(
        model.engine,
        data.map(({ tokens, targets }) => [tokens[0], ...targets]),
        'policy',
      )
      if (!forwardOnly) model.pending.push(...data)
      return encodedPass(logprobs, wire)
    }
  }

  async function step(modelId: string, adam: Record<string, number>): Promise<Result> {
    const model = loaded(modelId)
    const data = model.pending.splice(0)
    if (data.length === 0) violations.push('a step without a gradient')
    const groups = data.map(({ tokens, targets, logprobs, advantages }) => {
      const share = options.reduction === 'mean' ? targets.length * data.length : 1
      return {
        prompt: tokens.slice(0, 1),
        completions: [
          {
            tokens: targets,
            advantage: 1,
            weights: Float32Array.from(advantages, (advantage) => advantage / share),
            oldLogprobs: Float32Array.from(logprobs),
          },
        ],
      }
    })
    // Bounds that no ratio reaches make importance sampling of ppo.
    await model.engine.forwardBackward(groups, { type: 'ppo', clipLow: 1, clipHigh: 1e6 })
    const { gradNorm } = await model.engine.optimStep({
      learningRate: adam.learning_rate,
      beta1: adam.beta1,
      beta2: adam.beta2,
      eps: adam.eps,
      weightDecay: adam.weight_decay,
      maxGradNorm: 0,
    })
    model.steps++
    return { json: { metrics: options.silent ? {} : { 'skyrl.ai/grad_norm': gradNorm, 'skyrl.ai/learning_rate': 0 } } }
  }

  function save(modelId: string, kind: 'weights' | 'sampler_weights', called: string) {
    const model = modelOf(modelId)
    model.asked++
    const key = `${modelId}/${kind}/${called}`
    if (checkpoints.has(key)) throw new Refused(409, `Checkpoint '${called}' already exists for model '${modelId}'`)
    const place = { folder: join(folder, name('checkpoint')), rank: model.rank }
    checkpoints.set(key, place)
    return future(async () => {
      await loaded(modelId).engine.saveState(place.folder)
      const path = kind === 'weights' ? `tinker://${modelId}/weights/${called}` : `tinker://${modelId}/${called}`
      return { json: { path, type: 'save' } }
    })
  }

  function sample(body: SampleBody): string {
    const tokens = body.prompt.chunks.flatMap((chunk) => chunk.tokens)
    const { max_tokens, temperature, seed, stop = [] } = body.sampling_params
    if (!(max_tokens > 0)) throw new Refused(400, 'max_tokens must be a positive number')
    if (!(seed >= 0 && seed < 2 ** 31)) throw new Refused(500, 'seed overflows')
    if (tokens.length === 0 || body.num_samples < 1) violations.push('a sample that never ends')
    if ((body.base_model === undefined) === (body.sampling_session_id === undefined)) throw new Refused(422, 'which?')
    if (body.base_model !== undefined && body.base_model !== SERVED) throw new Refused(400, 'another base model')
    return future(async () => {
      const { engine, weights } = await answering(body)
      if (body.prompt_logprobs) {
        const [logprobs] = await logprobsOf(engine, [tokens], weights)
        return encodedSample({ tokens: [0], logprobs: [0], prompt: logprobs }, wire)
      }
      const [[{ tokens: sampled, logprobs }]] = await engine.sample([{ prompt: tokens, seeds: [seed] }], {
        ...{ maxTokens: max_tokens, temperature, stopTokens: stop, weights },
      })
      const result: SampleResult = { tokens: sampled, logprobs: [...logprobs] }
      return encodedSample(result, wire)
    })
  }

  /** What answers a sample: the base, or the trainer's own weights, whatever was saved. */
  async function answering({ sampling_session_id: session }: SampleBody) {
    if (session === undefined) {
      const [any] = models.values()
      return {
        engine: any?.engine ?? spareOf(options.model)!,
        weights: 'base' as const,
      }
    }
    const model = loaded(samplers.get(session) ?? '')
    if (model.sampledAt !== model.steps) violations.push('sampled from weights that were stepped since they were saved')
    return { engine: model.engine, weights: 'policy' as const }
  }

  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, checked by what they lead to.
  function answer(path: string, body: any, raw: Uint8Array | undefined): object | { status: number; location: string } {
    switch (path) {
      case 'get_server_capabilities':
        return { supported_models: [{ model_name: SERVED }] }
      case 'create_session': {
        const session = name('session')
        sessions.add(session)
        return { session_id: session, type: 'create_session' }
      }
      case 'session_heartbeat':
        if (!sessions.has(body.session_id)) throw new Refused(404, 'Session not found')
        return { type: 'session_heartbeat' }
      case 'create_model': {
        if (!sessions.has(body.session_id)) throw new Refused(404, 'Session not found')
        const id = name('model')
        const { rank } = body.lora_config
        const request_id = future(async () => {
          if (rank > 16) throw new Refused(400, `LoRA rank ${rank} must be between 1 and 16`)
          const engine = await engineOf(options.model, rank)
          models.set(id, { engine, rank, asked: 0, pending: [], known: new Map(), steps: 0, sampledAt: -1 })
          return { json: { model_id: id, base_model: SERVED, lora_config: { rank, alpha: 32 } } }
        })
        return { model_id: id, request_id }
      }
      case 'unload_model': {
        const { engine } = modelOf(body.model_id)
        const request_id = future(async () => {
          if (models.delete(body.model_id)) giveBack(engine)
          return { json: { model_id: body.model_id, status: 'unloaded', type: 'unload_model' } }
        })
        return { model_id: body.model_id, request_id }
      }
      case 'forward':
      case 'forward_backward': {
        if (wire === 'protobuf' && (!raw || path === 'forward')) throw new Refused(raw ? 404 : 415, 'requires protobuf')
        const { data, forwardOnly, modelId, seqId, lossName } = readPassRequest(raw ?? body)
        const work = pass(data, modelId, forwardOnly, lossName)
        return { request_id: training({ model_id: modelId, seq_id: seqId }, [path, data, forwardOnly], work) }
      }
      case 'optim_step': {
        const work = () => step(body.model_id, body.adam_params)
        return { request_id: training(body, [path, body.adam_params], work) }
      }
      case 'save_weights':
        return { request_id: save(body.model_id, 'weights', body.path) }
      case 'save_weights_for_sampler': {
        if (body.path !== undefined) return { request_id: save(body.model_id, 'sampler_weights', body.path) }
        const model = modelOf(body.model_id)
        model.asked++
        const sampling_session_id = name('sampling')
        const request_id = future(async () => {
          samplers.set(sampling_session_id, body.model_id)
          model.sampledAt = model.steps
          return { json: { path: null, sampling_session_id, type: 'save_weights_for_sampler' } }
        })
        return { request_id }
      }
      case 'load_weights': {
        const { asked } = modelOf(body.model_id)
        if (asked > 0 && wire === 'protobuf')
          throw new Refused(400, `LoadWeights is not permitted with seq_id ${asked + 1}`)
        const place = checkpointOf(body.path)
        const work = async () => {
          const { engine, rank } = loaded(body.model_id)
          if (rank !== place.rank) throw new Refused(400, 'rank mismatch')
          await (body.optimizer ? engine.loadState(place.folder) : engine.loadPolicy(place.folder))
          return { json: { type: 'load_weights' } }
        }
        return { request_id: training(body, [path, body.path], work) }
      }
      case 'weights_info':
        return { base_model: SERVED, is_lora: true, lora_rank: checkpointOf(body.tinker_path).rank }
      case 'asample':
        return { request_id: sample(body) }
    }
    const archive = /^training_runs\/(\w+)\/checkpoints\/([\w-]+)\/archive$/.exec(path)
    if (archive) return { status: 302, location: `/api/v1/${path.replace(/archive$/, 'download')}` }
    throw new Refused(404, 'Not Found')
  }

  function checkpointOf(path: string) {
    const [, model, called] = /^tinker:\/\/(\w+)\/weights\/([\w-]+)$/.exec(path) ?? []
    const place = checkpoints.get(`${model}/weights/${called}`)
    if (!place) throw new Refused(404, 'Checkpoint not found')
    return place
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const sent = Buffer.concat(chunks)
    const path = (request.url ?? '').replace(/^\/api\/v1\//, '')
    paths.push(path)
    keys.add(request.headers['x-api-key'] as string | undefined)
    counts.set(path, (counts.get(path) ?? 0) + 1)
    const fault = path === 'session_heartbeat' ? undefined : options.fault?.(path, counts.get(path)!)
    if (fault === 'lost request') return void request.socket.destroy()
    const end = (status: number, type: string, body: string | Uint8Array, headers = {}) => {
      if (fault === 'lost answer') request.socket.destroy()
      else response.writeHead(status, { 'content-type': type, ...headers }).end(body)
    }
    const json = (status: number, body: object, headers = {}) =>
      end(status, 'application/json', JSON.stringify(body), headers)
    try {
      if (options.apiKey && request.headers['x-api-key'] !== options.apiKey) throw new Refused(401, 'wrong key')
      if (typeof fault === 'object') throw new Refused(fault.status, fault.detail ?? 'on demand')
      const raw = request.headers['content-type']?.includes('protobuf') ? new Uint8Array(sent) : undefined
      const body = raw || sent.length === 0 ? undefined : JSON.parse(sent.toString())
      if (path === 'retrieve_future') {
        const result = futures.get(body.request_id)
        if (!result) throw new Refused(404, 'Future not found')
        const late = new Promise<void>((resolve) => setTimeout(resolve, hold).unref())
        const done = await Promise.race([result, late])
        if (!done) return json(408, { detail: 'not yet' })
        return 'json' in done ? json(200, done.json) : end(200, 'application/x-protobuf', done.protobuf)
      }
      const file = /^training_runs\/(\w+)\/checkpoints\/([\w-]+)\/download$/.exec(path)
      if (file) {
        const place = checkpoints.get(`${file[1]}/sampler_weights/${file[2]}`)
        if (!place) throw new Refused(404, 'Checkpoint not found')
        return end(
          200,
          'application/octet-stream',
          options.merged ? Buffer.alloc(2 ** 20, 7) : adapterArchive(place.folder),
        )
      }
      const result = answer(path, body, raw)
      if ('location' in result) return json(302, {}, { location: result.location })
      json(200, result)
    } catch (error) {
      // Whatever fails in the engine is a 400 of its future.
      const status = error instanceof Refused ? error.status : 400
      json(status, { detail: (error as Error).message })
    }
  }

  const server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    violations,
    paths,
    keys,
    restart() {
      for (const { engine } of models.values()) giveBack(engine)
      models.clear()
      sessions.clear()
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await last
      for (const { engine } of models.values()) giveBack(engine)
      models.clear()
    },
  }
}
