// The training graph in pieces, for little memory: one layer's forward and backward pass, which serve every layer of
// its type with its weights fed, and the two ends. Only one layer's activations exist at a time (see
// runtime/layer-wise.ts).

import { Graph } from '../graph/graph.ts'
import { type ModelConfig, oneLayer } from './config.ts'
import { decoderLayer, embedded, finalNorm, type WeightBinding, Weights } from './layer.ts'
import { type LossKind, lossHead } from './loss-head.ts'
import { packedAttention } from './packed-attention.ts'
import { rotaryInputs } from './rope.ts'

export type LayerPass = 'forward' | 'backward'

interface GraphOptions {
  precision?: 'f32' | 'f64'
  maxPositions: number
  onGpu?: boolean
}

/** ids [N] → x [N,H]. */
export function buildEmbedGraph(c: ModelConfig, binding: WeightBinding, options: GraphOptions): Uint8Array {
  const g = new Graph(options.precision, options.onGpu)
  const w = new Weights(g, c, binding)
  g.output(embedded(g, w, g.input('ids', ['N'], 'i64')), 'x', ['N', c.hidden])
  return g.encode()
}

/**
 * A layer such as `layer`, whose weights and adapter `binding` feeds under the names of layer 0, with the inputs of
 * packed-attention.ts and rope.ts. forward: x [N,H] → y [N,H]; backward: x and dy [N,H] → dx [N,H] and
 * `d.l0.<projection>.<A|B>`; the layer's activations are computed anew.
 */
export function buildLayerGraph(
  c: ModelConfig,
  layer: number,
  binding: WeightBinding,
  pass: LayerPass,
  options: GraphOptions,
): Uint8Array {
  const one = oneLayer(c, layer)
  const g = new Graph(options.precision, options.onGpu)
  const w = new Weights(g, one, { ...binding, ...(pass === 'backward' ? { train: 'lora' } : {}) })
  const x = g.input('x', ['N', c.hidden], g.precision, pass === 'backward')
  const rope = rotaryInputs(g, one, options.maxPositions)
  const y = decoderLayer(g, w, x, 0, rope, packedAttention(g, one))
  if (pass === 'forward') g.output(y, 'y', ['N', c.hidden])
  else {
    const gradients = g.backward([[y, g.input('dy', ['N', c.hidden])]])
    g.output(gradients.get(x.name)!, 'dx', ['N', c.hidden])
    for (const [name, shape] of w.trained()) g.output(gradients.get(w.get(name).name)!, `d.${name}`, shape)
  }
  return g.encode()
}

/**
 * The last layer's output x [N,H] → loss, logprobs, entropy and dx [N,H]; the other inputs are those of loss-head.ts.
 */
export function buildHeadGraph(
  c: ModelConfig,
  binding: WeightBinding,
  kind: LossKind,
  options: GraphOptions,
): Uint8Array {
  const g = new Graph(options.precision, options.onGpu)
  const w = new Weights(g, c, binding)
  const x = g.input('x', ['N', c.hidden], g.precision, true)
  const h = finalNorm(g, w, x)
  const { loss, logprobs, entropy, dh } = lossHead(g, h, w, kind)
  g.output(loss, 'loss', [])
  g.output(logprobs, 'logprobs', ['M', 1])
  g.output(entropy, 'entropy', ['M', 1])
  g.output(g.backward([[h, dh]]).get(x.name)!, 'dx', ['N', c.hidden])
  return g.encode()
}
