// One micro-batch layer by layer: forward through one session for each type of layer, each layer's input kept; then
// backward, each layer computed anew. It costs a second forward pass and reading the weights twice, and needs the activations of one
// layer instead of all. The base weights of a layer are read from the mapped file into one set of buffers when needed.
import type { InferenceSession } from 'onnxruntime-node'
import { weightShapes } from '../model/config.ts'
import { loraShapes } from '../model/layer.ts'
import type { LayerPass } from '../model/layer-graphs.ts'
import type { LossKind } from '../model/loss-head.ts'
import type { Core } from './core.ts'
import { type Feeds, f32, floats } from './tensors.ts'

export interface MicroBatchResult {
  loss: number
  /** [M] of every selected row. */
  logprobs: Float32Array
  entropy: Float32Array
  /** Gradient of every trained tensor, by name. */
  gradients: Map<string, Float32Array>
}

/** The weights of one layer at a time, under the names of layer 0. */
class LayerFeeds {
  private readonly base = new Map<string, { dims: number[]; data: Float32Array }>()
  private readonly adapter: string[]
  private loaded = -1

  constructor(private readonly core: Core) {
    const one = { ...core.config, layers: 1 }
    for (const [name, dims] of weightShapes(one))
      if (name.startsWith('l0.')) this.base.set(name, { dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) })
    this.adapter = [...loraShapes(one, core.weights.trainBinding().lora!).keys()]
  }

  /** Feeds of layer `l`: base weights and adapter. */
  get(l: number): Feeds {
    const feeds: Feeds = {}
    for (const [name, { dims, data }] of this.base) {
      if (l !== this.loaded) this.core.weights.readBaseInto(layerName(name, l), data)
      feeds[name] = floats(data, dims)
    }
    this.loaded = l
    for (const name of this.adapter) {
      const { dims, data } = this.core.weights.trained.get(layerName(name, l))!
      feeds[name] = floats(data, dims)
    }
    return feeds
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
    const { config, sessions, weights } = this.core
    const binding = weights.trainBinding()
    const fed = { base: 'fed', lora: binding.lora } as const
    const embed = await sessions.get({ graph: 'embed' }, { base: binding.base })
    const layer = (pass: LayerPass, l: number) => {
      const like = config.layerTypes?.indexOf(config.layerTypes[l]) ?? 0
      return sessions.get({ graph: 'layer', pass, like }, fed)
    }
    const head = await sessions.get({ graph: 'head', loss: kind }, { base: binding.base })

    const inputs = [(await embed.run(pick(embed, feeds))).x]
    for (let l = 0; l < config.layers; l++) {
      const forward = await layer('forward', l)
      inputs.push((await forward.run(pick(forward, { ...feeds, ...this.layers.get(l), x: inputs[l] }))).y)
    }
    const top = await head.run(pick(head, { ...feeds, x: inputs[config.layers] }))
    const gradients = new Map<string, Float32Array>()
    let dy = top.dx
    for (let l = config.layers - 1; l >= 0; l--) {
      const backward = await layer('backward', l)
      const result = await backward.run(pick(backward, { ...feeds, ...this.layers.get(l), x: inputs[l], dy }))
      for (const [name, gradient] of this.layers.gradients(result, l)) gradients.set(name, gradient)
      inputs.length = l + 1
      dy = result.dx
    }
    return { loss: f32(top.loss)[0], logprobs: f32(top.logprobs), entropy: f32(top.entropy), gradients }
  }
}
