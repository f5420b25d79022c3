// The head of the training graph: logits at the selected positions only, log probabilities, entropy and the named token
// loss, with the gradient written out: d loss/d h = coef·(E[target] − P·E). No one-hot, no scatter into the vocabulary
// (full fine-tuning adds the head's own gradient). Formulas: TokenLoss of the language-model contract.
// loss-head.test.ts holds it to the float64 arithmetic of model/token-loss.ts.
import type { TokenLoss } from '../../model/contract.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { product, scatterAddRows, sumLast } from '../graph/operators.ts'
import type { Weights } from './layer.ts'

/** The losses of the contract, without their numbers (clip bounds and β are inputs, so one graph serves any). */
export interface LossKind {
  type: 'cross_entropy' | 'ppo' | 'cispo'
  sequenceRatio: boolean
  kl: boolean
}

/** The graph that computes a loss. */
export function lossKind(loss: TokenLoss): LossKind {
  return {
    type: loss.type,
    sequenceRatio: loss.type === 'ppo' && loss.sequenceRatio === true,
    kl: loss.type !== 'cross_entropy' && (loss.klCoef ?? 0) > 0,
  }
}

interface TokenInputs {
  advantage?: Value
  old?: Value
  reference?: Value
  weight: Value
}

/** An `old` of a token without one, which no log probability can be: the token's own takes its place, held fast. */
export const OWN_LOGPROB = 1

/** Selected rows are handled in this many chunks, so that a chunk's logits stay small. The row count must divide. */
export const HEAD_CHUNKS = 4

/**
 * h [N,H] → loss [], logprobs [M,1], entropy [M,1] and the gradient dh [N,H].
 * Declares inputs `rows` [M] (row of h that predicts), `targets` [M], `weight` [M,1] and, by loss, `advantage`, `old`,
 * `reference` [M,1], `inverse_temperature`, `clip_low`, `clip_high`, `beta` [] and, for sequence ratios,
 * `sequence_mean` [S,M] (1/length at a completion's counted tokens), `sequence_spread` [M,S] (1 at a completion's
 * tokens).
 */
export function lossHead(
  g: Graph,
  h: Value,
  w: Weights,
  kind: LossKind,
): { loss: Value; logprobs: Value; entropy: Value; dh: Value } {
  const rows = g.input('rows', ['M'], 'i64')
  const targets = g.input('targets', ['M'], 'i64')
  const column = (name: string) => g.input(name, ['M', 1])
  const split = (v: Value) => g.opN('Split', [v], HEAD_CHUNKS, { axis: 0 })
  const join = (parts: Value[]) => g.op('Concat', parts, { axis: 0 })

  // Scaling the few hidden states scales the logits.
  const inverseTemperature = kind.type === 'cross_entropy' ? undefined : g.input('inverse_temperature', [])
  const tempered = (v: Value) => (inverseTemperature ? g.op('Mul', [v, inverseTemperature]) : v)
  const hidden = split(tempered(g.op('Gather', [h, rows], { axis: 0 })))
  const chunkTargets = split(targets)
  const forward = hidden.map((hs, i) => {
    const logits = w.logits(hs)
    const max = g.op('ReduceMax', [logits], { axes: [1], keepdims: 1 })
    const P = g.op('Softmax', [logits], { axis: -1 })
    const lse = g.op('Sub', [max, g.op('Log', [g.op('ReduceMax', [P], { axes: [1], keepdims: 1 })])])
    const targetRow = w.headRows(chunkTargets[i])
    const expected = w.timesHead(P)
    // Logits of rounded products are not those of the rows here, but what P is made of.
    const ofTarget = w.quantized
      ? g.op('GatherElements', [logits, g.op('Unsqueeze', [chunkTargets[i], g.ints([1])])], { axis: 1 })
      : sumLast(g, g.op('Mul', [hs, targetRow]))
    const meanLogit = sumLast(g, w.quantized ? g.op('Mul', [P, logits]) : g.op('Mul', [hs, expected]))
    const logprob = g.op('Sub', [ofTarget, lse])
    const entropy = g.op('Sub', [lse, meanLogit])
    return { hs, P, targetRow, expected, logprob, entropy, targets: chunkTargets[i] }
  })

  const tokens: TokenInputs = { weight: column('weight') }
  if (kind.type !== 'cross_entropy') {
    tokens.advantage = column('advantage')
    tokens.old = column('old')
    if (kind.kl) tokens.reference = column('reference')
  }
  const coefficients = makeCoefficients(g, kind)
  let perChunk: { loss: Value; coef: Value }[]
  if (kind.sequenceRatio) {
    const all = coefficients(join(forward.map((f) => f.logprob)), tokens)
    const losses = split(all.loss)
    perChunk = split(all.coef).map((coef, i) => ({ loss: losses[i], coef }))
  } else {
    const cut = Object.fromEntries(
      Object.entries(tokens).map(([name, v]: [string, Value]) => [name, split(v)]),
    ) as Record<keyof TokenInputs, Value[] | undefined>
    perChunk = forward.map((f, i) =>
      coefficients(f.logprob, {
        weight: cut.weight![i],
        advantage: cut.advantage?.[i],
        old: cut.old?.[i],
        reference: cut.reference?.[i],
      }),
    )
  }

  let headGradient: Value | undefined
  const dhRows = forward.map((f, i) => {
    const { coef } = perChunk[i]
    if (w.trainsHead) {
      // d loss/d head = Σ coef·(onehot(target) − P)ᵀ·h
      const spread = product(g, g.op('Mul', [f.P, coef]), f.hs, { transposeA: true })
      const part = g.op('Sub', [scatterAddRows(g, w.head, f.targets, g.op('Mul', [f.hs, coef])), spread])
      headGradient = headGradient ? g.op('Add', [headGradient, part]) : part
    }
    return tempered(g.op('Mul', [coef, g.op('Sub', [f.targetRow, f.expected])]))
  })
  const loss = g.op('ReduceSum', [join(perChunk.map((p) => p.loss))], { keepdims: 0 })
  if (headGradient) {
    const gradient = headGradient
    g.record(loss, [w.head], () => [gradient])
  }
  return {
    loss,
    logprobs: join(forward.map((f) => f.logprob)),
    entropy: join(forward.map((f) => f.entropy)),
    dh: scatterAddRows(g, h, rows, join(dhRows)),
  }
}

/** Above it the KL penalty is a straight line, since the ratio would overflow. */
const MAX_LOG_RATIO = 20

/** Per token: the loss term and coef = d loss/d logprob. */
function makeCoefficients(g: Graph, kind: LossKind): (logprob: Value, t: TokenInputs) => { loss: Value; coef: Value } {
  if (kind.type === 'cross_entropy')
    return (logprob, t) => {
      const coef = g.op('Neg', [t.weight])
      return { loss: g.op('Mul', [coef, logprob]), coef }
    }
  const low = kind.type === 'ppo' ? g.op('Sub', [g.scalar(1), g.input('clip_low', [])]) : undefined
  const high = g.op('Add', [g.scalar(1), g.input('clip_high', [])])
  const beta = kind.kl ? g.input('beta', []) : undefined
  const mean = kind.sequenceRatio ? g.input('sequence_mean', ['S', 'M']) : undefined
  const spread = kind.sequenceRatio ? g.input('sequence_spread', ['M', 'S']) : undefined

  return (logprob, t) => {
    const old = g.op('Where', [g.op('Greater', [t.old, g.scalar(0)]), logprob, t.old])
    let change = g.op('Sub', [logprob, old])
    if (mean && spread) change = g.op('MatMul', [spread, g.op('MatMul', [mean, change])])
    const ratio = g.op('Exp', [change])
    let objective: Value
    let slope: Value // d objective / d logprob
    if (kind.type === 'ppo') {
      const free = g.op('Mul', [ratio, t.advantage])
      const clipped = g.op('Mul', [g.op('Min', [g.op('Max', [ratio, low]), high]), t.advantage])
      objective = g.op('Min', [free, clipped])
      slope = g.op('Where', [g.op('LessOrEqual', [free, clipped]), free, g.scalar(0)])
    } else {
      slope = g.op('Mul', [g.op('Min', [ratio, high]), t.advantage])
      objective = g.op('Mul', [slope, logprob])
    }
    let loss = g.op('Neg', [g.op('Mul', [objective, t.weight])])
    let coef = g.op('Neg', [g.op('Mul', [slope, t.weight])])
    if (mean && spread) coef = product(g, mean, product(g, spread, coef, { transposeA: true }), { transposeA: true })
    if (beta && t.reference) {
      const gap = g.op('Sub', [t.reference, logprob])
      const bounded = g.op('Min', [gap, g.scalar(MAX_LOG_RATIO)])
      const grown = g.op('Exp', [bounded])
      const scale = g.op('Mul', [beta, t.weight])
      const straight = g.op('Mul', [grown, g.op('Add', [g.scalar(1), g.op('Sub', [gap, bounded])])])
      const k3 = g.op('Sub', [g.op('Sub', [straight, gap]), g.scalar(1)])
      loss = g.op('Add', [loss, g.op('Mul', [scale, k3])])
      coef = g.op('Add', [coef, g.op('Mul', [scale, g.op('Sub', [g.scalar(1), grown])])])
    }
    return { loss, coef }
  }
}
