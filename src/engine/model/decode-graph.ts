// One decoding step of U·G sequences: each user's prompt is held once as a prefix, each sequence has a private cache of
// what it has generated. The caches are inputs; only the new token's keys and values come back (the binding copies
// outputs, so small ones matter). Sampling happens in the graph: only ids and log probabilities leave it.

import { Graph, type Value } from '../graph/graph.ts'
import { product } from '../graph/operators.ts'
import { attentionScale, type ModelConfig } from './config.ts'
import { decoder, type WeightBinding, Weights } from './layer.ts'
import { rotaryInputs } from './rope.ts'
import { isSliding, maskedLength, slidingMasks, upTo, withinWindow } from './window.ts'

/**
 * - sample: inputs `inverse_temperature` [], `uniform` [N,1] in (0,1); outputs `token` [N,1], `logprob` [N,1]
 * - logits: output `logits` [N,V], for restricted sampling in the caller
 */
export type DecodeHead = 'sample' | 'logits'

/**
 * Inputs: `ids` [N], `positions` [N,1], `groups` [2] = (U, G), N = U·G; `prefix_mask` [U,1,1,P], `cache_mask`
 * [U,1,G,1,S]; per layer the prefix `pk<l>` [U,kvHeads,D,P], `pv<l>` [U,kvHeads,P,D] and the caches `ck<l>`, `cv<l>`
 * [U,kvHeads,G,S,D]. Outputs per layer `k<l>`, `v<l>` [U,kvHeads,G,1,D], and the head's.
 */
export function buildDecodeGraph(
  c: ModelConfig,
  binding: WeightBinding,
  head: DecodeHead,
  options: { maxPositions: number; onGpu?: boolean },
): Uint8Array {
  const g = new Graph('f32', options.onGpu)
  const w = new Weights(g, c, binding)
  const n = c.kvHeads
  const r = c.heads / n
  const d = c.headDim
  const alpha = attentionScale(c)
  const ids = g.input('ids', ['N'], 'i64')
  const rope = rotaryInputs(g, c, options.maxPositions)
  const [U, G] = g.opN('Split', [g.input('groups', [2], 'i64')], 2, { axis: 0 })
  const prefixMask = g.input('prefix_mask', ['U', 1, 1, 'P'])
  const cacheMask = g.input('cache_mask', ['U', 1, 'G', 1, 'S'])
  const P = g.op('Shape', [prefixMask], { start: 3 })
  const S = g.op('Shape', [cacheMask], { start: 4 })
  const s = {
    q: g.shape(U, G, n, r, d),
    k: g.shape(U, G, n, 1, d),
    all: g.shape(U, n, -1, d),
    onPrefix: g.shape(U, n, G, r, P),
    onPrefixAll: g.shape(U, n, -1, P),
    heads: g.shape(U, n, G, r, d),
    split: g.shape(P, S, 1),
    rows: g.ints([-1, n * r * d]),
  }
  const onPrefixes = g.op('Expand', [g.op('Unsqueeze', [prefixMask, g.ints([1])]), g.shape(U, 1, G, 1, P)])
  const onSelves = g.op('Expand', [g.scalar(0), g.shape(U, 1, G, 1, 1)])
  const full = g.op('Concat', [onPrefixes, cacheMask, onSelves], { axis: -1 })
  const sliding = slidingMasks(c, (window) => {
    // [U,1,G,1,1] tokens that stand in the cache; the new one follows them.
    const cached = maskedLength(g, cacheMask)
    const position = g.op('Add', [g.op('Unsqueeze', [maskedLength(g, prefixMask), g.ints([1])]), cached])
    const visible = (mask: Value, from: Value, slots: Value) =>
      withinWindow(g, mask, g.op('Sub', [from, upTo(g, slots)]), window)
    const parts = [visible(onPrefixes, position, P), visible(cacheMask, cached, S), onSelves]
    return g.op('Concat', parts, { axis: -1 })
  })
  const h = decoder(g, w, ids, rope, (q, k, v, l) => {
    const Q = g.op('Transpose', [g.op('Reshape', [q, s.q])], { perm: [0, 2, 1, 3, 4] })
    const K = g.op('Transpose', [g.op('Reshape', [k, s.k])], { perm: [0, 2, 1, 3, 4] })
    const V = g.op('Transpose', [g.op('Reshape', [v, s.k])], { perm: [0, 2, 1, 3, 4] })
    const prefixK = g.input(`pk${l}`, ['U', n, d, 'P'])
    const prefixV = g.input(`pv${l}`, ['U', n, 'P', d])
    const cacheK = g.input(`ck${l}`, ['U', n, 'G', 'S', d])
    const cacheV = g.input(`cv${l}`, ['U', n, 'G', 'S', d])
    const onPrefix = product(g, g.op('Reshape', [Q, s.all]), prefixK, { alpha, rank: 4 })
    const onCache = product(g, Q, cacheK, { transposeB: true, alpha, rank: 5 })
    const onSelf = product(g, Q, K, { transposeB: true, alpha, rank: 5 })
    const scores = g.op('Concat', [g.op('Reshape', [onPrefix, s.onPrefix]), onCache, onSelf], { axis: -1 })
    const mask = (isSliding(c, l) ? sliding : undefined) ?? full
    const probabilities = g.op('Softmax', [g.op('Add', [scores, mask])], { axis: -1 })
    const [p1, p2, p3] = g.opN('Split', [probabilities, s.split], 3, { axis: -1 })
    const fromPrefix = g.op('Reshape', [g.op('MatMul', [g.op('Reshape', [p1, s.onPrefixAll]), prefixV]), s.heads])
    const O = g.op('Add', [g.op('Add', [fromPrefix, g.op('MatMul', [p2, cacheV])]), g.op('Mul', [p3, V])])
    g.output(K, `k${l}`, ['U', n, 'G', 1, d])
    g.output(V, `v${l}`, ['U', n, 'G', 1, d])
    return g.op('Reshape', [g.op('Transpose', [O], { perm: [0, 2, 1, 3, 4] }), s.rows])
  })
  const logits = w.logits(h)
  if (head === 'logits') g.output(logits, 'logits', ['N', c.vocab])
  else sampleHead(g, logits, c.vocab)
  return g.encode()
}

/** Size of the blocks over which the cumulative distribution is searched: a divisor of the vocabulary near its root. */
function blockSize(vocab: number): number {
  let best = 1
  for (let size = 1; size <= vocab; size++)
    if (vocab % size === 0 && Math.abs(Math.log(size / Math.sqrt(vocab))) < Math.abs(Math.log(best / Math.sqrt(vocab))))
      best = size
  return best
}

/**
 * Inverse-CDF sampling in two levels (blocks, then tokens of one block). Targets stay a little below the sums, so that
 * rounding cannot step past the last token with probability.
 */
function sampleHead(g: Graph, logits: Value, vocab: number): void {
  const size = blockSize(vocab)
  const blocks = vocab / size
  const scaled = g.op('Mul', [logits, g.input('inverse_temperature', [])])
  const P = g.op('Reshape', [g.op('Softmax', [scaled], { axis: -1 }), g.ints([-1, blocks, size])])
  const below = g.scalar(1 - 1e-6)
  const last = (v: Value) => g.op('Slice', [v, g.ints([-1]), g.ints([2 ** 30]), g.ints([1])])
  const countBelow = (cumulative: Value, target: Value, max: number) =>
    g.op('Min', [
      g.op('ReduceSum', [g.op('Cast', [g.op('Less', [cumulative, target])], { to: 7 }), g.ints([1])], { keepdims: 1 }),
      g.ints(max),
    ])
  const sums = g.op('ReduceSum', [P, g.ints([2])], { keepdims: 0 })
  const cumulative = g.op('CumSum', [sums, g.ints(1)])
  const target = g.op('Mul', [g.op('Mul', [g.input('uniform', ['N', 1]), below]), last(cumulative)])
  const block = countBelow(cumulative, target, blocks - 1)
  const start = g.op('Sub', [
    g.op('GatherElements', [cumulative, block], { axis: 1 }),
    g.op('GatherElements', [sums, block], { axis: 1 }),
  ])
  const row = g.op('GatherND', [P, block], { batch_dims: 1 })
  const within = g.op('CumSum', [row, g.ints(1)])
  const inner = g.op('Min', [g.op('Sub', [target, start]), g.op('Mul', [last(within), below])])
  const index = countBelow(within, inner, size - 1)
  g.output(g.op('Add', [g.op('Mul', [block, g.ints(size)]), index]), 'token', ['N', 1], 'i64')
  g.output(g.op('Log', [g.op('GatherElements', [row, index], { axis: 1 })]), 'logprob', ['N', 1])
}
