// Attention of the training graph over packed groups. Rows: U prompts of P positions, then U groups of G completions
// of T positions. A prompt is causal; a completion sees its prompt and itself. Completions are a batch on the prompt's
// keys and values plus their own block, so the prompt is computed once for all G, and no tree mask is needed.
// Shorter prompts and completions are padded on the right: nothing attends to padding but padding.
// Query heads of one key/value head are folded into rows (grouped-query attention without repeating K and V).
import type { ModelConfig } from '../config.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { concatRows, product, reshape, splitRows, sumLast, transpose } from '../graph/operators.ts'
import type { Attend } from './layer.ts'

const MASKED = -1e9

/** [L,L] additive causal mask: 0 where column ≤ row. */
export function causalMask(g: Graph, length: Value): Value {
  const index = g.op('Range', [g.ints(0), g.op('Squeeze', [length]), g.ints(1)])
  const allowed = g.op('LessOrEqual', [
    g.op('Unsqueeze', [index, g.ints([0])]),
    g.op('Unsqueeze', [index, g.ints([1])]),
  ])
  return g.op('Where', [allowed, g.scalar(0), g.scalar(MASKED)])
}

/**
 * Declares the inputs `pack` [4] = (U, P, G, T) and `prompt_mask` [U,1,1,P] (0, or −1e9 on padding), and returns the
 * attention over them.
 */
export function packedAttention(g: Graph, c: ModelConfig): Attend {
  const n = c.kvHeads
  const r = c.heads / n
  const d = c.headDim
  const alpha = 1 / Math.sqrt(d)
  const [U, P, G, T] = g.opN('Split', [g.input('pack', [4], 'i64')], 4, { axis: 0 })
  const promptMask = g.input('prompt_mask', ['U', 1, 1, 'P'])
  const times = (v: Value, k: number) => g.op('Mul', [v, g.ints([k])])
  const rP = times(P, r)
  const rT = times(T, r)
  const rows = g.shape(g.op('Mul', [U, P]), g.op('Mul', [U, g.op('Mul', [G, T])]))
  const flatQ = g.ints([-1, n * r * d])
  const flatK = g.ints([-1, n * d])
  const causalP = causalMask(g, P)
  const causalT = causalMask(g, T)
  const s = {
    pq: g.shape(U, P, n, r, d),
    pqHeads: g.shape(U, n, r, P, d),
    pqFolded: g.shape(U, n, rP, d),
    pk: g.shape(U, P, n, d),
    pScores: g.shape(U, n * r, P, P),
    pScoresFolded: g.shape(U, n, rP, P),
    cq: g.shape(U, G, T, n, r, d),
    cqHeads: g.shape(U, n, G, r, T, d),
    cqFolded: g.shape(U, n, G, rT, d),
    cqAll: g.shape(U, n, -1, d),
    ck: g.shape(U, G, T, n, d),
    onPrompt: g.shape(U, n, G, rT, P),
    onPromptAll: g.shape(U, n, -1, P),
    onSelf: g.shape(U, n, G, rT, T),
    onSelfHeads: g.shape(U, -1, T, T),
    column: g.shape(U, n, -1, 1),
    split: g.shape(P, T),
  }

  const promptPart = (q: Value, k: Value, v: Value) => {
    const Q = reshape(g, transpose(g, reshape(g, q, s.pq, flatQ), [0, 2, 3, 1, 4]), s.pqFolded, s.pqHeads)
    const K = transpose(g, reshape(g, k, s.pk, flatK), [0, 2, 1, 3])
    const V = transpose(g, reshape(g, v, s.pk, flatK), [0, 2, 1, 3])
    const scores = g.op('Reshape', [product(g, Q, K, { transposeB: true, alpha, rank: 4 }), s.pScores])
    const masked = g.op('Reshape', [g.op('Add', [scores, causalP]), s.pScoresFolded])
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
    const out = reshape(g, transpose(g, reshape(g, O, s.pqHeads, s.pqFolded), [0, 3, 1, 2, 4]), flatQ, s.pq)
    return { K, V, out }
  }

  const completionPart = (q: Value, k: Value, v: Value, Kp: Value, Vp: Value) => {
    const Q = reshape(g, transpose(g, reshape(g, q, s.cq, flatQ), [0, 3, 1, 4, 2, 5]), s.cqFolded, s.cqHeads)
    const K = transpose(g, reshape(g, k, s.ck, flatK), [0, 3, 1, 2, 4])
    const V = transpose(g, reshape(g, v, s.ck, flatK), [0, 3, 1, 2, 4])
    const Qall = g.op('Reshape', [Q, s.cqAll])
    const onPrompt = g.op('Add', [product(g, Qall, Kp, { transposeB: true, alpha, rank: 4 }), promptMask])
    const onSelf = g.op('Add', [
      g.op('Reshape', [product(g, Q, K, { transposeB: true, alpha, rank: 5 }), s.onSelfHeads]),
      causalT,
    ])
    const scores = g.op(
      'Concat',
      [g.op('Reshape', [onPrompt, s.onPrompt]), g.op('Reshape', [onSelf, s.onSelf])],
      { axis: -1 },
    )
    const [first, second] = g.opN('Split', [g.op('Softmax', [scores], { axis: -1 }), s.split], 2, { axis: -1 })
    const P1 = g.op('Reshape', [first, s.onPromptAll])
    const O = g.op('Add', [g.op('Reshape', [g.op('MatMul', [P1, Vp]), s.cqFolded]), g.op('MatMul', [second, V])])
    g.record(O, [Q, Kp, Vp, K, V], (dO) => {
      const along = sumLast(g, g.op('Mul', [dO, O]))
      const dOall = g.op('Reshape', [dO, s.cqAll])
      const dP1 = product(g, dOall, Vp, { transposeB: true, rank: 4 })
      const dS1 = g.op('Mul', [P1, g.op('Sub', [dP1, g.op('Reshape', [along, s.column])])])
      const dP2 = product(g, dO!, V, { transposeB: true, rank: 5 })
      const dS2 = g.op('Mul', [second, g.op('Sub', [dP2, along])])
      return [
        g.op('Add', [
          g.op('Reshape', [product(g, dS1, Kp, { alpha, rank: 4 }), s.cqFolded]),
          product(g, dS2, K, { alpha, rank: 5 }),
        ]),
        product(g, dS1, Qall, { transposeA: true, alpha, rank: 4 }),
        product(g, P1, dOall, { transposeA: true, rank: 4 }),
        product(g, dS2, Q, { transposeA: true, alpha, rank: 5 }),
        product(g, second, dO!, { transposeA: true, rank: 5 }),
      ]
    })
    return reshape(g, transpose(g, reshape(g, O, s.cqHeads, s.cqFolded), [0, 2, 4, 1, 3, 5]), flatQ, s.cq)
  }

  return (q, k, v) => {
    const [qp, qc] = splitRows(g, q, rows)
    const [kp, kc] = splitRows(g, k, rows)
    const [vp, vc] = splitRows(g, v, rows)
    const prompt = promptPart(qp, kp, vp)
    return concatRows(g, prompt.out, completionPart(qc, kc, vc, prompt.K, prompt.V), rows)
  }
}
