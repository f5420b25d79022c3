// Attention of the training graph over packed groups. Rows: U prompts of P positions, then U groups of G completions
// of T positions. A prompt is causal; a completion sees its prompt and itself. Completions are a batch on the prompt's
// keys and values plus their own block, so the prompt is computed once for all G, and no tree mask is needed.
// Shorter prompts and completions are padded on the right: nothing attends to padding but padding.
// Query heads of one key/value head are folded into rows (grouped-query attention without repeating K and V).

import type { Graph, Value } from '../graph/graph.ts'
import { concatRows, product, reshape, splitRows, sumLast, transpose } from '../graph/operators.ts'
import { attentionScale, type ModelConfig } from './config.ts'
import type { Attend } from './layer.ts'
import { isSliding, MASKED, maskedLength, slidingMasks, upTo, withinWindow } from './window.ts'

/** [L,L] additive causal mask: 0 where column ≤ row and, with a window, row − column < window. */
function causalMask(g: Graph, length: Value, window?: number): Value {
  const index = upTo(g, length)
  const [column, row] = [g.op('Unsqueeze', [index, g.ints([0])]), g.op('Unsqueeze', [index, g.ints([1])])]
  const allowed = g.op('Where', [g.op('LessOrEqual', [column, row]), g.scalar(0), g.scalar(MASKED)])
  return window === undefined ? allowed : withinWindow(g, allowed, g.op('Sub', [row, column]), window)
}

/** [U,1,T,P] additive mask of prefixes as T positions that follow see them through a window. */
function prefixWindowMask(g: Graph, prefixMask: Value, T: Value, P: Value, window: number): Value {
  const t = g.op('Unsqueeze', [upTo(g, T), g.ints([1])])
  const positions = g.op('Add', [maskedLength(g, prefixMask), t])
  return withinWindow(g, prefixMask, g.op('Sub', [positions, upTo(g, P)]), window)
}

/**
 * Sizes of a batch of completions (or any suffixes) on shared prefixes: users, prefix, suffixes per user, positions.
 */
export interface PrefixedSizes {
  U: Value
  P: Value
  G: Value
  T: Value
}

/**
 * Attention of U·G suffixes of T positions, each on its user's prefix and causally on itself.
 * q [U·G·T, heads·D], k and v [U·G·T, kvHeads·D], prefix keys and values [U,kvHeads,P,D] and `prefixMask` [U,1,1,P]
 * (0, or −1e9) → output [U·G·T, heads·D], and the suffixes' own K and V [U,kvHeads,G,T,D].
 */
export function prefixedAttention(
  g: Graph,
  c: ModelConfig,
  { U, P, G, T }: PrefixedSizes,
  prefixMask: Value,
): (q: Value, k: Value, v: Value, layer: number, prefixK: Value, prefixV: Value) => { out: Value; K: Value; V: Value } {
  const n = c.kvHeads
  const r = c.heads / n
  const d = c.headDim
  const alpha = attentionScale(c)
  const rT = g.op('Mul', [T, g.ints([r])])
  const flatQ = g.ints([-1, n * r * d])
  const flatK = g.ints([-1, n * d])
  const causal = causalMask(g, T)
  const sliding = slidingMasks(c, (window) => ({
    prefix: prefixWindowMask(g, prefixMask, T, P, window),
    self: causalMask(g, T, window),
  }))
  const s = {
    q: g.shape(U, G, T, n, r, d),
    heads: g.shape(U, n, G, r, T, d),
    folded: g.shape(U, n, G, rT, d),
    all: g.shape(U, n, -1, d),
    k: g.shape(U, G, T, n, d),
    onPrefix: g.shape(U, n, G, rT, P),
    onPrefixAll: g.shape(U, n, -1, P),
    onSelf: g.shape(U, n, G, rT, T),
    onSelfHeads: g.shape(U, -1, T, T),
    column: g.shape(U, n, -1, 1),
    split: g.shape(P, T),
    onPrefixHeads: sliding && g.shape(U, -1, T, P),
  }
  return (q, k, v, layer, prefixK, prefixV) => {
    const masks = isSliding(c, layer) ? sliding : undefined
    const Q = reshape(g, transpose(g, reshape(g, q, s.q, flatQ), [0, 3, 1, 4, 2, 5]), s.folded, s.heads)
    const K = transpose(g, reshape(g, k, s.k, flatK), [0, 3, 1, 2, 4])
    const V = transpose(g, reshape(g, v, s.k, flatK), [0, 3, 1, 2, 4])
    const Qall = g.op('Reshape', [Q, s.all])
    const plain = product(g, Qall, prefixK, { transposeB: true, alpha, rank: 4 })
    const onPrefix = masks
      ? g.op('Add', [g.op('Reshape', [plain, s.onPrefixHeads]), masks.prefix])
      : g.op('Add', [plain, prefixMask])
    const onSelf = g.op('Add', [
      g.op('Reshape', [product(g, Q, K, { transposeB: true, alpha, rank: 5 }), s.onSelfHeads]),
      masks?.self ?? causal,
    ])
    const scores = g.op('Concat', [g.op('Reshape', [onPrefix, s.onPrefix]), g.op('Reshape', [onSelf, s.onSelf])], {
      axis: -1,
    })
    const [first, P2] = g.opN('Split', [g.op('Softmax', [scores], { axis: -1 }), s.split], 2, { axis: -1 })
    const P1 = g.op('Reshape', [first, s.onPrefixAll])
    const O = g.op('Add', [g.op('Reshape', [g.op('MatMul', [P1, prefixV]), s.folded]), g.op('MatMul', [P2, V])])
    g.record(O, [Q, prefixK, prefixV, K, V], (dO) => {
      const along = sumLast(g, g.op('Mul', [dO, O]))
      const dOall = g.op('Reshape', [dO, s.all])
      const dP1 = product(g, dOall, prefixV, { transposeB: true, rank: 4 })
      const dS1 = g.op('Mul', [P1, g.op('Sub', [dP1, g.op('Reshape', [along, s.column])])])
      const dP2 = product(g, dO!, V, { transposeB: true, rank: 5 })
      const dS2 = g.op('Mul', [P2, g.op('Sub', [dP2, along])])
      return [
        g.op('Add', [
          g.op('Reshape', [product(g, dS1, prefixK, { alpha, rank: 4 }), s.folded]),
          product(g, dS2, K, { alpha, rank: 5 }),
        ]),
        product(g, dS1, Qall, { transposeA: true, alpha, rank: 4 }),
        product(g, P1, dOall, { transposeA: true, rank: 4 }),
        product(g, dS2, Q, { transposeA: true, alpha, rank: 5 }),
        product(g, P2, dO!, { transposeA: true, rank: 5 }),
      ]
    })
    const out = reshape(g, transpose(g, reshape(g, O, s.heads, s.folded), [0, 2, 4, 1, 3, 5]), flatQ, s.q)
    return { out: g.like(out, q), K, V }
  }
}

/**
 * Causal attention of U prompts of P positions: q [U·P, heads·D], k, v [U·P, kvHeads·D] → output, K and V
 * [U,kvHeads,P,D].
 */
function promptAttention(
  g: Graph,
  c: ModelConfig,
  { U, P }: PrefixedSizes,
): (q: Value, k: Value, v: Value, layer: number) => { out: Value; K: Value; V: Value } {
  const n = c.kvHeads
  const r = c.heads / n
  const d = c.headDim
  const alpha = attentionScale(c)
  const rP = g.op('Mul', [P, g.ints([r])])
  const flatQ = g.ints([-1, n * r * d])
  const flatK = g.ints([-1, n * d])
  const causal = causalMask(g, P)
  const sliding = slidingMasks(c, (window) => causalMask(g, P, window))
  const s = {
    q: g.shape(U, P, n, r, d),
    heads: g.shape(U, n, r, P, d),
    folded: g.shape(U, n, rP, d),
    k: g.shape(U, P, n, d),
    scores: g.shape(U, n * r, P, P),
    scoresFolded: g.shape(U, n, rP, P),
  }
  return (q, k, v, layer) => {
    const mask = (isSliding(c, layer) ? sliding : undefined) ?? causal
    const Q = reshape(g, transpose(g, reshape(g, q, s.q, flatQ), [0, 2, 3, 1, 4]), s.folded, s.heads)
    const K = transpose(g, reshape(g, k, s.k, flatK), [0, 2, 1, 3])
    const V = transpose(g, reshape(g, v, s.k, flatK), [0, 2, 1, 3])
    const scores = g.op('Reshape', [product(g, Q, K, { transposeB: true, alpha, rank: 4 }), s.scores])
    const masked = g.op('Reshape', [g.op('Add', [scores, mask]), s.scoresFolded])
    const probabilities = g.op('Softmax', [masked], { axis: -1 })
    const O = g.op('MatMul', [probabilities, V])
    g.record(O, [Q, K, V], (dO) => {
      const along = sumLast(g, g.op('Mul', [dO, O]))
      const dP = product(g, dO!, V, { transposeB: true, rank: 4 })
      const dS = g.op('Mul', [probabilities, g.op('Sub', [dP, along])])
      return [
        product(g, dS, K, { alpha, rank: 4 }),
        product(g, dS, Q, { transposeA: true, alpha, rank: 4 }),
        product(g, probabilities, dO!, { transposeA: true, rank: 4 }),
      ]
    })
    const out = reshape(g, transpose(g, reshape(g, O, s.heads, s.folded), [0, 3, 1, 2, 4]), flatQ, s.q)
    return { out: g.like(out, q), K, V }
  }
}

/**
 * Declares the inputs `pack` [4] = (U, P, G, T) and `prompt_mask` [U,1,1,P] (0, or −1e9 on padding), and returns the
 * attention of a training row: prompts, then completions on their prompts.
 */
export function packedAttention(g: Graph, c: ModelConfig): Attend {
  const [U, P, G, T] = g.opN('Split', [g.input('pack', [4], 'i64')], 4, { axis: 0 })
  const sizes = { U, P, G, T }
  const rows = g.shape(g.op('Mul', [U, P]), g.op('Mul', [U, g.op('Mul', [G, T])]))
  const onPrompts = promptAttention(g, c, sizes)
  const onCompletions = prefixedAttention(g, c, sizes, g.input('prompt_mask', ['U', 1, 1, 'P']))
  return (q, k, v, layer) => {
    const [qp, qc] = splitRows(g, q, rows)
    const [kp, kc] = splitRows(g, k, rows)
    const [vp, vc] = splitRows(g, v, rows)
    const prompt = onPrompts(qp, kp, vp, layer)
    return concatRows(g, prompt.out, onCompletions(qc, kc, vc, layer, prompt.K, prompt.V).out, rows)
  }
}
