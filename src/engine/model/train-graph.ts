// The training graph: packed groups in; loss, log probabilities, entropy and the gradient of every trained tensor out.

import { Graph } from '../graph/graph.ts'
import type { ModelConfig } from './config.ts'
import { decoder, type WeightBinding, Weights } from './layer.ts'
import { type LossKind, lossHead } from './loss-head.ts'
import { packedAttention } from './packed-attention.ts'
import { rotaryInputs } from './rope.ts'

export interface TrainGraph {
  bytes: Uint8Array
  /** Tensors whose gradient the graph gives, as output `d.<name>`. */
  trained: Map<string, number[]>
}

/**
 * Inputs: see packed-attention.ts (what attends), loss-head.ts (the loss), rope.ts (positions); `ids` [N]; fed weights.
 */
export function buildTrainGraph(
  c: ModelConfig,
  binding: WeightBinding,
  kind: LossKind,
  options: { precision?: 'f32' | 'f64'; maxPositions: number; onGpu?: boolean },
): TrainGraph {
  const g = new Graph(options.precision, options.onGpu)
  const w = new Weights(g, c, binding)
  const ids = g.input('ids', ['N'], 'i64')
  const rope = rotaryInputs(g, c, options.maxPositions)
  const h = decoder(g, w, ids, rope, packedAttention(g, c))
  const { loss, logprobs, entropy, dh } = lossHead(g, h, w, kind)
  g.output(loss, 'loss', [])
  g.output(logprobs, 'logprobs', ['M', 1])
  g.output(entropy, 'entropy', ['M', 1])
  const trained = w.trained()
  const gradients = g.backward([
    [h, dh],
    [loss, g.scalar(1)],
  ])
  for (const [name, shape] of trained) {
    const gradient = gradients.get(w.get(name).name)
    if (!gradient) throw new Error(`no gradient reaches ${name}`)
    g.output(gradient, `d.${name}`, shape)
  }
  return { bytes: g.encode(), trained }
}
