// A session on a Tinker server: the models of this process there live as long as it is heard of.
import type { Worker } from 'node:worker_threads'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'
import { startThread } from '../../util/thread.ts'
import type { HeartbeatStart } from './heartbeat.ts'
import { Refusal, type TinkerServer } from './server.ts'
import type { Wire } from './wire.ts'

/** Milliseconds between heartbeats. Servers wait for minutes. */
const HEARTBEAT = 10_000

const capabilitiesSchema = z.object({
  supported_models: z.array(z.object({ model_name: z.string(), max_context_length: z.int().positive().nullish() })),
})
const sessionSchema = z.object({ session_id: z.string() })
const modelSchema = z.object({
  model_id: z.string().regex(/^[\w:.-]+$/),
  lora_config: z.object({ rank: z.number().optional(), alpha: z.number().optional() }).nullish(),
})

/** A model with an adapter on the server, at its very start. */
export interface RemoteModel {
  id: string
  /** What the server scales adapters by, times their rank; undefined where it does not say. */
  alpha: number | undefined
}

export class Session {
  private models = 0

  private constructor(
    readonly server: TinkerServer,
    /** The model's name there. */
    readonly baseModel: string,
    readonly wire: Wire,
    /** Tokens that the server reads at most; undefined where it does not say. */
    readonly contextLength: number | undefined,
    private readonly id: string,
    private readonly heartbeat: Worker,
  ) {}

  /** Throws BumpError where the server cannot be asked, or has no such model; the message lists those it has. */
  static async open(server: TinkerServer, baseModel: string, signal?: AbortSignal): Promise<Session> {
    // An address that nobody answers at is most often a wrong one.
    const first = { signal, tries: 3 }
    const { supported_models } = await server.ask('get_server_capabilities', undefined, capabilitiesSchema, first)
    const model = supported_models.find(({ model_name }) => model_name === baseModel)
    if (model === undefined)
      throw new BumpError(
        'model-unusable',
        `${server.shown} serves ${few(supported_models.map(({ model_name }) => JSON.stringify(model_name))) || 'no model'}, not ${JSON.stringify(baseModel)}. Where one of these is the same model, name it in engine.model; else start the server with yours.`,
      )
    const about = { tags: ['bump'], user_metadata: null, sdk_version: '0.25.0', type: 'create_session' }
    const { session_id: sessionId } = await server.ask('create_session', about, sessionSchema, { signal })
    const start: HeartbeatStart = {
      address: server.url('session_heartbeat').href,
      apiKey: server.apiKey,
      sessionId,
      every: HEARTBEAT,
    }
    const heartbeat = startThread(import.meta.url, 'heartbeat', start)
    heartbeat.unref()
    // Without its beats the server ends the session, and says so.
    heartbeat.on('error', () => {})
    const wire = await wireOf(server, signal)
    return new Session(server, baseModel, wire, model.max_context_length ?? undefined, sessionId, heartbeat)
  }

  /**
   * A new adapter whose first weights derive from `seed`. The first one may take minutes: the server starts its
   * engines.
   */
  async create(rank: number, seed: number, signal?: AbortSignal): Promise<RemoteModel> {
    const body = {
      session_id: this.id,
      model_seq_id: this.models++,
      base_model: this.baseModel,
      lora_config: { rank, seed: seed31(seed) },
      type: 'create_model',
    }
    const { model_id, lora_config } = await this.server.work('create_model', body, modelSchema, { signal })
    return { id: model_id, alpha: lora_config?.alpha }
  }

  /** Frees what the model takes on the server; a server that no longer has it has done so. */
  async unload(model: RemoteModel, signal?: AbortSignal): Promise<void> {
    const body = { model_id: model.id, type: 'unload_model' }
    try {
      await this.server.work('unload_model', body, z.unknown(), { signal })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }

  async close(): Promise<void> {
    await this.heartbeat.terminate()
  }
}

/** A seed as servers take it: 31 bits. */
export const seed31 = (seed: number): number => seed % 2 ** 31

/** Servers that want protobuf refuse the form of JSON (415); others do not know the model. */
async function wireOf(server: TinkerServer, signal: AbortSignal | undefined): Promise<Wire> {
  const body = {
    model_id: 'none',
    seq_id: 1,
    forward_backward_input: { data: [], loss_fn: 'cross_entropy', loss_fn_config: null },
  }
  try {
    await server.submit('forward_backward', body, { signal })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.status === 415) return 'protobuf'
  }
  return 'json'
}
