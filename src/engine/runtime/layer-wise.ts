// One micro-batch layer by layer: forward through one session for each type of layer, each layer's input kept; then
// backward, each layer computed anew. It costs a second forward pass and reading the weights twice, and needs the
// activations of one layer instead of all. The base weights of a layer are read from the mapped file into one set of
// buffers when needed.
import type { InferenceSession } from 'onnxruntime-node'
import { loraShapes } from '../model/layer.ts'
import type { LayerPass } from '../model/layer-graphs.ts'
import type { LossKind } from '../model/loss-head.ts'
import { readRange } from '../weights/binary-file.ts'
import type { Core } from './core.ts'
import { Tensor } from './onnx-runtime.ts'
import type { StoredTensor } from './sessions.ts'
import { type Feeds, f32 } from './tensors.ts'

export interface MicroBatchResult {
  loss: number
  /** [M] of every selected row. */
  logprobs: Float32Array
  entropy: Float32Array
  /** Gradient of every trained tensor, by name. */
  gradients: Map<string, Float32Array>
}

/** Feeds of one layer at a time, under the names of layer 0. */
class LayerFeeds {
  /** Buffers of what a session has asked for, and the layer that they hold. */
  private readonly buffers = new Map<string, { data: Float32Array | Int8Array; layer: number }>()
  private readonly adapter: string[]

  constructor(private readonly core: Core) {
    const { weights, quantized } = core
    this.adapter = [...loraShapes({ ...core.config, layers: 1 }, weights.trainBinding(quantized).lora!).keys()]
  }

  /** What `session` takes of layer `l`, base weights and adapter, beside `others`. */
  of(session: InferenceSession, l: number, others: Feeds): Feeds {
    const { sessions, weights, quantized } = this.core
    const adapter = weights.feeds('policy')
    return Object.fromEntries(
      session.inputNames.map((name) => {
        if (!name.startsWith('l0.')) return [name, others[name]]
        const own = layerName(name, l)
        return [name, adapter[own] ?? this.read(name, sessions.stored(own, quantized), l)]
      }),
    )
  }

  private read(name: string, { file, range, dims, type }: StoredTensor, l: number): Tensor {
    let buffer = this.buffers.get(name)
    if (!buffer) {
      buffer = { data: type === 'int8' ? new Int8Array(range.length) : new Float32Array(range.length / 4), layer: -1 }
      this.buffers.set(name, buffer)
    }
    const { data, layer } = buffer
    if (layer !== l) readRange(file, range, new Uint8Array(data.buffer))
    buffer.layer = l
    return new Tensor(type, data, dims)
  }

  /** The layer's gradients under their own names. */
  gradients(result: InferenceSession.OnnxValueMapType, l: number): [string, Float32Array][] {
    return this.adapter.map((name) => [layerName(name, l), f32(result[`d.${name}`])])
  }
}

const layerName = (name: string, l: number) => name.replace('l0.', `l${l}.`)

/** What the session takes of the feeds. */
const pick = (session: InferenceSession, feeds: Feeds): Feeds =>
  Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]))

/** Runs micro-batches of a model with an adapter; `feeds` are those of the whole training graph. */
export class LayerWise {
  private readonly layers: LayerFeeds

  constructor(private readonly core: Core) {
    this.layers = new LayerFeeds(core)
  }

  async run(feeds: Feeds, kind: LossKind): Promise<MicroBatchResult> {
    const { config, sessions, weights, quantized } = this.core
    const base = weights.binding('base', quantized)
    const { lora } = weights.trainBinding(quantized)
    const fed = { ...base, base: 'fed', lora } as const
    const embed = await sessions.get({ graph: 'embed' }, base)
    const layer = (pass: LayerPass, l: number) => {
      const like = config.layerTypes?.indexOf(config.layerTypes[l]) ?? 0
      return sessions.get({ graph: 'layer', pass, like }, fed)
    }
    const head = await sessions.get({ graph: 'head', loss: kind }, base)

    const inputs = [(await embed.run(pick(embed, feeds))).x]
    for (let l = 0; l < config.layers; l++) {
      const forward = await layer('forward', l)
      inputs.push((await forward.run(this.layers.of(forward, l, { ...feeds, x: inputs[l] }))).y)
    }
    const top = await head.run(pick(head, { ...feeds, x: inputs[config.layers] }))
    const gradients = new Map<string, Float32Array>()
    let dy = top.dx
    for (let l = config.layers - 1; l >= 0; l--) {
      const backward = await layer('backward', l)
      const result = await backward.run(this.layers.of(backward, l, { ...feeds, x: inputs[l], dy }))
      for (const [name, gradient] of this.layers.gradients(result, l)) gradients.set(name, gradient)
      inputs.length = l + 1
      dy = result.dx
    }
    return { loss: f32(top.loss)[0], logprobs: f32(top.logprobs), entropy: f32(top.entropy), gradients }
  }
}
