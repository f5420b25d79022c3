// The graph that extends prefixes: U prefixes whose keys and values are known, G suffixes of S tokens on each. With an
// empty prefix (one masked slot) it is the prefill. Its heads: the suffixes' keys and values (to be a prefix in turn,
// or for decoding), the log probability of given tokens (scoring), or the logits of a few label tokens.

import { Graph, type Value } from '../graph/graph.ts'
import type { ModelConfig } from './config.ts'
import { decoder, type WeightBinding, Weights } from './layer.ts'
import { HEAD_CHUNKS } from './loss-head.ts'
import { prefixedAttention } from './packed-attention.ts'
import { rotaryInputs } from './rope.ts'

/**
 * - kv: outputs `k<l>`, `v<l>` [U,kvHeads,G,S,D]
 * - decode-kv: the same with keys transposed [U,kvHeads,G,D,S], as decode-graph.ts wants its prefix
 * - logprobs: inputs `rows` [M], `targets` [M] (M a multiple of HEAD_CHUNKS), `inverse_temperature` []; output
 *   `logprobs` [M,1]
 * - labels: inputs `rows` [M], `labels` [L]; output `logits` [M,L]
 */
export type ExtendHead = 'kv' | 'decode-kv' | 'logprobs' | 'labels'

/**
 * Inputs: `ids` [U·G·S], `positions` [U·G·S,1], `sizes` [4] = (U, P, G, S), `prefix_mask` [U,1,1,P] and per layer
 * `pk<l>`, `pv<l>` [U,kvHeads,P,D]; P ≥ 1.
 */
export function buildExtendGraph(
  c: ModelConfig,
  binding: WeightBinding,
  head: ExtendHead,
  options: { maxPositions: number; onGpu?: boolean },
): Uint8Array {
  const g = new Graph('f32', options.onGpu)
  const w = new Weights(g, c, binding)
  const ids = g.input('ids', ['N'], 'i64')
  const rope = rotaryInputs(g, c, options.maxPositions)
  const [U, P, G, T] = g.opN('Split', [g.input('sizes', [4], 'i64')], 4, { axis: 0 })
  const attend = prefixedAttention(g, c, { U, P, G, T }, g.input('prefix_mask', ['U', 1, 1, 'P']))
  const n = c.kvHeads
  const d = c.headDim
  const h = decoder(g, w, ids, rope, (q, k, v, l) => {
    const { out, K, V } = attend(q, k, v, l, g.input(`pk${l}`, ['U', n, 'P', d]), g.input(`pv${l}`, ['U', n, 'P', d]))
    if (head === 'decode-kv')
      g.output(g.op('Transpose', [K], { perm: [0, 1, 2, 4, 3] }), `k${l}`, ['U', n, 'G', d, 'S'])
    else if (head === 'kv') g.output(K, `k${l}`, ['U', n, 'G', 'S', d])
    if (head === 'kv' || head === 'decode-kv') g.output(V, `v${l}`, ['U', n, 'G', 'S', d])
    return out
  })
  if (head === 'logprobs') scoreHead(g, h, w)
  if (head === 'labels') {
    const rows = g.op('Gather', [h, g.input('rows', ['M'], 'i64')], { axis: 0 })
    g.output(w.labelLogits(rows, g.input('labels', ['L'], 'i64')), 'logits', ['M', 'L'])
  }
  return g.encode()
}

function scoreHead(g: Graph, h: Value, w: Weights): void {
  const hidden = g.op('Gather', [h, g.input('rows', ['M'], 'i64')], { axis: 0 })
  const tempered = g.op('Mul', [hidden, g.input('inverse_temperature', [])])
  const rows = g.opN('Split', [tempered], HEAD_CHUNKS, { axis: 0 })
  const targets = g.opN('Split', [g.input('targets', ['M'], 'i64')], HEAD_CHUNKS, { axis: 0 })
  const parts = rows.map((hs, i) => {
    const logits = w.logits(hs)
    const max = g.op('ReduceMax', [logits], { axes: [1], keepdims: 1 })
    const top = g.op('ReduceMax', [g.op('Softmax', [logits], { axis: -1 })], { axes: [1], keepdims: 1 })
    const target = g.op('GatherElements', [logits, g.op('Unsqueeze', [targets[i], g.ints([1])])], { axis: 1 })
    return g.op('Sub', [target, g.op('Sub', [max, g.op('Log', [top])])])
  })
  g.output(g.op('Concat', parts, { axis: 0 }), 'logprobs', ['M', 1])
}
