// A few short texts on their way through a model's exact layers, to see how large the activations become: what
// weights/smoothing.ts balances weights by.
import type { Projection, TokenIds } from '../../model/contract.ts'
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { buildObservedGraph } from '../model/layer-graphs.ts'
import { smoothingFactors } from '../weights/smoothing.ts'
import type { WeightSource } from '../weights/source.ts'
import { emptyPrefixes } from './empty-prefixes.ts'
import { InferenceSession, type Tensor } from './onnx-runtime.ts'
import { type Feeds, f32, floats, longs } from './tensors.ts'

/** Of a text. */
const TOKENS = 64

export class Calibration {
  private readonly config: ModelConfig
  private readonly ids: readonly number[]
  /** Tokens of one text. */
  private readonly length: number
  /** By the first layer of a type. */
  private readonly sessions = new Map<number, Promise<InferenceSession>>()
  /** [tokens, hidden] what the next layer gets. */
  private x: Tensor

  /** `tokens` are cut into texts; what is left over is not used. */
  constructor(
    private readonly source: WeightSource,
    tokens: TokenIds,
  ) {
    const { embeddingScale = 1, hidden } = source.config
    this.config = source.config
    this.length = Math.min(TOKENS, tokens.length)
    this.ids = Array.from(tokens).slice(0, tokens.length - (tokens.length % this.length))
    const rows = this.rows('embed').map((value) => value * embeddingScale)
    this.x = floats(rows, [this.ids.length, hidden])
  }

  /** One layer further; gives the largest magnitudes of the inputs of q, o, gate and down. */
  async run(l: number, weights: ReadonlyMap<string, Float32Array>): Promise<Map<Projection, Float32Array>> {
    const shapes = weightShapes(this.config)
    const texts = this.ids.length / this.length
    const feeds: Feeds = {
      ...emptyPrefixes({ ...this.config, layers: 1 }, texts),
      x: this.x,
      positions: longs(
        this.ids.map((_, i) => i % this.length),
        [this.ids.length, 1],
      ),
      sizes: longs([texts, 1, 1, this.length]),
    }
    for (const [name, data] of weights) feeds[name.replace(`l${l}.`, 'l0.')] = floats(data, shapes.get(name)!)
    const session = await this.session(l)
    const result = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])))
    this.x = result.y
    return new Map((['q', 'o', 'gate', 'down'] as const).map((p) => [p, f32(result[`largest.${p}`])]))
  }

  /**
   * Factors of the head's inputs, after the last layer. How large the head's weights are is seen in the tokens' rows.
   * @param norm the last norm's weights
   */
  headFactors(norm: Float32Array): Float32Array {
    const { hidden, normEps } = this.config
    const x = f32(this.x)
    const head = this.rows(headName(this.config))
    const activations = new Float32Array(hidden)
    const weights = new Float32Array(hidden)
    for (let from = 0; from < x.length; from += hidden) {
      let square = 0
      for (let i = 0; i < hidden; i++) square += x[from + i] ** 2
      const inverse = 1 / Math.sqrt(square / hidden + normEps)
      for (let i = 0; i < hidden; i++) {
        activations[i] = Math.max(activations[i], Math.abs(x[from + i] * inverse * norm[i]))
        weights[i] = Math.max(weights[i], Math.abs(head[from + i]))
      }
    }
    return smoothingFactors(activations, weights)
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release()
  }

  private session(l: number): Promise<InferenceSession> {
    const { layerTypes } = this.config
    const like = layerTypes?.indexOf(layerTypes[l]) ?? 0
    let session = this.sessions.get(like)
    if (!session) {
      session = InferenceSession.create(buildObservedGraph(this.config, like, { maxPositions: this.length }), {
        enableMemPattern: false,
        enableCpuMemArena: false,
        logSeverityLevel: 3,
      })
      this.sessions.set(like, session)
    }
    return session
  }

  /** The tokens' rows of a table. */
  private rows(name: string): Float32Array {
    const { hidden } = this.config
    const table = this.source.tensors.get(name)!
    const rows = new Float32Array(this.ids.length * hidden)
    this.ids.forEach((id, row) => {
      table.fill(id * hidden, rows.subarray(row * hidden, (row + 1) * hidden))
    })
    return rows
  }
}
