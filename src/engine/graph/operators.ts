// Differentiable operators. Each adds its forward nodes and registers its gradient rule. Shapes are the caller's duty;
// nothing broadcasts unless its docstring says so. Gradients were checked in f64 against central differences
// (operators.test.ts). Notation: dy is the gradient of the output.
import type { Graph, Value } from './graph.ts'

export interface MatMulOptions {
  transposeA?: boolean
  transposeB?: boolean
  /** Factor on the product. */
  alpha?: number
  /** Rank of both operands; batch dimensions must agree. Default 2. */
  rank?: number
}

/** alpha · op(a) · op(b), without a gradient rule. */
export function product(g: Graph, a: Value, b: Value, options: MatMulOptions = {}): Value {
  const { transposeA = false, transposeB = false, alpha = 1, rank = 2 } = options
  if (g.fused && (transposeA || transposeB || alpha !== 1))
    return g.op('FusedMatMul', [a, b], {
      transA: transposeA ? 1 : 0,
      transB: transposeB ? 1 : 0,
      alpha: { float: alpha },
    })
  const swap = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i))
  const left = transposeA ? g.op('Transpose', [a], { perm: swap }) : a
  const right = transposeB ? g.op('Transpose', [b], { perm: swap }) : b
  const y = g.op('MatMul', [left, right])
  return alpha === 1 ? y : g.op('Mul', [y, g.scalar(alpha)])
}

/** y = alpha · a · b, or alpha · a · bᵀ. */
export function matmul(g: Graph, a: Value, b: Value, options: Omit<MatMulOptions, 'transposeA'> = {}): Value {
  const { transposeB = false, alpha = 1, rank = 2 } = options
  return g.record(product(g, a, b, options), [a, b], (dy) => [
    a.needsGrad ? product(g, dy!, b, { transposeB: !transposeB, alpha, rank }) : undefined,
    b.needsGrad
      ? transposeB
        ? product(g, dy!, a, { transposeA: true, alpha, rank })
        : product(g, a, dy!, { transposeA: true, alpha, rank })
      : undefined,
  ])
}

/** A matrix of signed bytes: `values` [inputs,outputs], `scales` [outputs]. */
export interface IntegerMatrix {
  values: Value
  scales: Value
}

/** Rows in 8 bits: x ≈ range · (bytes − levels − 1)/levels. */
export interface QuantizedRows {
  /** [N,F] unsigned, 1 to 2·levels + 1. */
  bytes: Value
  /** [N,1] largest magnitude of each row. */
  range: Value
  levels: number
}

/**
 * x [N,F] in 8 bits, each row to its own range, so that a row's result does not depend on what runs beside it. `levels`:
 * the largest magnitude of a byte, 127 where the processor allows it (runtime/integer-levels.ts). Without a gradient.
 */
export function quantizeRows(g: Graph, x: Value, levels: number): QuantizedRows {
  const largest = g.op('ReduceMax', [g.op('Abs', [x])], { axes: [-1], keepdims: 1 })
  // A row of zeros stays zero.
  const range = g.op('Max', [largest, g.scalar(1e-30)])
  const bytes = g.op('QuantizeLinear', [g.op('Div', [x, range]), g.scalar(1 / levels), g.byte(levels + 1)])
  return { bytes, range, levels }
}

/**
 * Rows [N,inputs] times an 8-bit matrix. Sums are exact integers. Without a gradient.
 */
export function integerProduct(
  g: Graph,
  { bytes, range, levels }: QuantizedRows,
  { values, scales }: IntegerMatrix,
): Value {
  // Unsigned bytes on the left and signed ones on the right are what processors have instructions for.
  const unit = g.op('MatMulIntegerToFloat', [bytes, values, g.scalar(1 / levels), scales, g.byte(levels + 1)])
  return g.op('Mul', [unit, range])
}

/**
 * x [N,inputs], in 8 bits `rows`, times an 8-bit matrix. Rounding counts as the identity in the gradient, dy · matrixᵀ,
 * which `back` gives.
 */
export function integerMatmul(
  g: Graph,
  x: Value,
  rows: QuantizedRows,
  matrix: IntegerMatrix,
  back: (dy: Value) => Value,
): Value {
  return g.record(integerProduct(g, rows, matrix), [x], (dy) => [back(dy!)])
}

/**
 * p [N,V] ≥ 0 times an 8-bit matrix, `values` [V,outputs] with scales [V] of its rows. Probabilities are far apart, so
 * they get two bytes each: one of the value, one of what that leaves. Without a gradient.
 */
export function twoByteProduct(g: Graph, p: Value, { values, scales }: IntegerMatrix, levels: number): Value {
  const steps = 2 * levels + 1
  const scaled = g.op('Mul', [p, scales])
  const largest = g.op('ReduceMax', [scaled], { axes: [-1], keepdims: 1 })
  const step = g.op('Max', [g.op('Mul', [largest, g.scalar(1 / steps)]), g.scalar(1e-30)])
  const inSteps = g.op('Div', [scaled, step])
  const whole = g.op('QuantizeLinear', [inSteps, g.scalar(1), g.byte(0)])
  // Between −½ and ½.
  const left = g.op('Sub', [inSteps, g.op('DequantizeLinear', [whole, g.scalar(1), g.byte(0)])])
  const fine = g.scalar(1 / (2 * levels))
  const rest = g.op('QuantizeLinear', [left, fine, g.byte(levels + 1)])
  const times = (bytes: Value, scale: Value, zero: number) =>
    g.op('MatMulIntegerToFloat', [bytes, values, scale, g.scalar(1), g.byte(zero)])
  return g.op('Mul', [g.op('Add', [times(whole, g.scalar(1), 0), times(rest, fine, levels + 1)]), step])
}

/** a + b of equal shapes. */
export function add(g: Graph, a: Value, b: Value): Value {
  return g.record(g.op('Add', [a, b]), [a, b], (dy) => [dy, dy])
}

/** x [N,F] + bias [F], broadcast over rows. */
export function addBias(g: Graph, x: Value, bias: Value): Value {
  return g.record(g.op('Add', [x, bias]), [x, bias], (dy) => [
    dy,
    bias.needsGrad ? g.op('ReduceSum', [dy, g.ints([0])], { keepdims: 0 }) : undefined,
  ])
}

/**
 * Reshape to `shape`; `back` is the shape of x (both int64 vectors). A 0 in either would mean "copy": avoid empty axes.
 */
export function reshape(g: Graph, x: Value, shape: Value, back: Value): Value {
  return g.record(g.op('Reshape', [x, shape]), [x], (dy) => [g.like(g.op('Reshape', [dy, back]), x)])
}

export function transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  const inverse: number[] = []
  perm.forEach((p, i) => {
    inverse[p] = i
  })
  return g.record(g.op('Transpose', [x], { perm }), [x], (dy) => [g.op('Transpose', [dy], { perm: inverse })])
}

/** Two parts of x along axis 0; `sizes` is an int64 vector of two. */
export function splitRows(g: Graph, x: Value, sizes: Value): [Value, Value] {
  const parts = g.opN('Split', [x, sizes], 2, { axis: 0 })
  const zero = (part: Value) => g.op('Mul', [part, g.scalar(0)])
  g.recordN(parts, [x], (da, db) => [g.op('Concat', [da ?? zero(parts[0]), db ?? zero(parts[1])], { axis: 0 })])
  return [parts[0], parts[1]]
}

/** a above b, along axis 0; `sizes` holds their row counts. */
export function concatRows(g: Graph, a: Value, b: Value, sizes: Value): Value {
  return g.record(g.op('Concat', [a, b], { axis: 0 }), [a, b], (dy) => g.opN('Split', [dy, sizes], 2, { axis: 0 }))
}

/** Rows of table [V,H] by ids [N]. Repeated ids add up in the table's gradient. */
export function gatherRows(g: Graph, table: Value, ids: Value): Value {
  return g.record(g.op('Gather', [table, ids], { axis: 0 }), [table], (dy) => [scatterAddRows(g, table, ids, dy!)])
}

/**
 * Zeros like `like` [V,H], plus rows [N,H] added at ids [N], repeated ids in order. ScatterElements runs on one thread;
 * the runtime's ScatterND adds from several at once and loses updates of repeated ids (operators.test.ts shows the
 * need).
 */
export function scatterAddRows(g: Graph, like: Value, ids: Value, rows: Value): Value {
  const zeros = g.op('Mul', [like, g.scalar(0)])
  const indices = g.op('Expand', [g.op('Unsqueeze', [ids, g.ints([1])]), g.op('Shape', [rows])])
  return g.op('ScatterElements', [zeros, indices, rows], { axis: 0, reduction: 'add' })
}

/**
 * Root-mean-square normalisation over the last axis: y = x·w/√(mean(x²)+eps), x [.., width], w [width].
 * dx = inv·(dy·w) − x·inv³/width·Σ(dy·w·x); dw = Σ_rows dy·x·inv.
 */
export function rmsNorm(g: Graph, x: Value, w: Value, eps: number, width: number): Value {
  const inverseOf = (): Value => {
    const meanSquare = g.op('ReduceMean', [g.op('Mul', [x, x])], { axes: [-1], keepdims: 1 })
    return g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [meanSquare, g.scalar(eps)])])])
  }
  let y: Value
  let known: Value | undefined
  if (g.fused) {
    const outputs = g.onGpu ? 1 : 2
    ;[y, known] = g.opN('SimplifiedLayerNormalization', [x, w], outputs, {
      axis: -1,
      epsilon: { float: eps },
      stash_type: 1,
    })
  } else {
    known = inverseOf()
    y = g.op('Mul', [g.op('Mul', [x, known]), w])
  }
  return g.record(y, [x, w], (dy) => {
    const inverse = known ?? inverseOf()
    const weighted = g.op('Mul', [dy, w])
    const along = sumLast(g, g.op('Mul', [weighted, x]))
    const cube = g.op('Mul', [inverse, g.op('Mul', [inverse, inverse])])
    const pull = g.op('Mul', [along, g.op('Mul', [cube, g.scalar(1 / width)])])
    const dx = g.op('Sub', [g.op('Mul', [weighted, inverse]), g.op('Mul', [x, pull])])
    if (!w.needsGrad) return [dx, undefined]
    const rows = g.op('Reshape', [g.op('Mul', [dy, g.op('Mul', [x, inverse])]), g.ints([-1, width])])
    return [dx, g.op('ReduceSum', [rows, g.ints([0])], { keepdims: 0 })]
  })
}

/** silu(gate)·up, silu(a) = a·σ(a). */
export function gatedSilu(g: Graph, gate: Value, up: Value): Value {
  const sigma = g.op('Sigmoid', [gate])
  const silu = g.op('Mul', [gate, sigma])
  return g.record(g.op('Mul', [silu, up]), [gate, up], (dy) => {
    const scaled = g.op('Mul', [dy, sigma])
    const slope = g.op('Sub', [g.op('Add', [gate, g.scalar(1)]), silu])
    return [g.op('Mul', [g.op('Mul', [scaled, up]), slope]), g.op('Mul', [scaled, gate])]
  })
}

/** x times a number. */
export function scale(g: Graph, x: Value, factor: number): Value {
  const times = (v: Value) => g.op('Mul', [v, g.scalar(factor)])
  return factor === 1 ? x : g.record(times(x), [x], (dy) => [times(dy!)])
}

/**
 * gelu(gate)·up, with GELU's tanh form: gelu(a) = a/2·(1 + t), t = tanh(u), u = √(2/π)·(a + 0.044715·a³);
 * gelu'(a) = (1 + t)/2 + a/2·(1 − t²)·√(2/π)·(1 + 3·0.044715·a²).
 */
export function gatedGelu(g: Graph, gate: Value, up: Value): Value {
  const times = (v: Value, factor: number) => g.op('Mul', [v, g.scalar(factor)])
  const plus = (v: Value, number: number) => g.op('Add', [v, g.scalar(number)])
  const k = Math.sqrt(2 / Math.PI)
  const square = () => g.op('Mul', [gate, gate])
  const halfTanh = () => times(g.op('Tanh', [g.op('Mul', [times(gate, k), plus(times(square(), 0.044715), 1)])]), 0.5)
  const gelu = g.fused ? g.op('FastGelu', [gate]) : g.op('Mul', [gate, plus(halfTanh(), 0.5)])
  return g.record(g.op('Mul', [gelu, up]), [gate, up], (dy) => {
    const t = halfTanh() // tanh(u)/2, so that (1 − t²)/2 = 1/2 − 2·(t/2)²
    const bend = g.op('Sub', [g.scalar(0.5), times(g.op('Mul', [t, t]), 2)])
    const inner = g.op('Mul', [times(gate, k), plus(times(square(), 3 * 0.044715), 1)])
    const slope = g.op('Add', [plus(t, 0.5), g.op('Mul', [bend, inner])])
    return [g.op('Mul', [g.op('Mul', [dy, up]), slope]), g.op('Mul', [dy, gelu])]
  })
}

/** Cosines and sines of the rotary embedding for every row, in the form that the graph's precision wants. */
export interface Rotary {
  /** Dimensions of a head that are rotated, from its first: an even number. */
  dims: number
  /** f32: row positions [N,1] and tables [maxPosition, dims/2]. */
  positions?: Value
  cosTable?: Value
  sinTable?: Value
  negativeSinTable?: Value
  /** f64: per row [N,1,dims], the halves repeated. */
  cos?: Value
  sin?: Value
}

/**
 * Rotary embedding (half-split form) of the first dimensions of every head of x [N, heads·D]; the others stay. Its
 * gradient is the same rotation backwards (−sin).
 */
export function rotary(g: Graph, x: Value, heads: number, headDim: number, r: Rotary): Value {
  const flat = g.ints([0, heads * headDim])
  const partial = r.dims < headDim
  if (g.fused) {
    // Every row is a sequence of its own: the operator bounds a sequence's length by the tables'.
    const rows = g.ints([0, 1, heads * headDim])
    const attributes: Record<string, number> = partial ? { rotary_embedding_dim: r.dims, num_heads: heads } : {}
    const turn = (v: Value, sin: Value) => {
      const inputs = [g.op('Reshape', [v, rows]), r.positions, r.cosTable, sin]
      return g.op('Reshape', [g.op('RotaryEmbedding', inputs, attributes), flat])
    }
    return g.record(turn(x, r.sinTable!), [x], (dy) => [turn(dy!, r.negativeSinTable!)])
  }
  const perHead = g.ints([0, heads, headDim])
  const half = (v: Value, backwards: boolean) => {
    const [a, b] = g.opN('Split', [v, g.ints([r.dims / 2, r.dims / 2])], 2, { axis: -1 })
    return backwards
      ? g.op('Concat', [b, g.op('Neg', [a])], { axis: -1 })
      : g.op('Concat', [g.op('Neg', [b]), a], { axis: -1 })
  }
  /** `turn` of the rotated dimensions, beside the others. */
  const turned = (v: Value, turn: (rotated: Value) => Value) => {
    const all = g.op('Reshape', [v, perHead])
    if (!partial) return g.op('Reshape', [turn(all), flat])
    const [rotated, rest] = g.opN('Split', [all, g.ints([r.dims, headDim - r.dims])], 2, { axis: -1 })
    return g.op('Reshape', [g.op('Concat', [turn(rotated), rest], { axis: -1 }), flat])
  }
  const forward = (v: Value) => g.op('Add', [g.op('Mul', [v, r.cos]), g.op('Mul', [half(v, false), r.sin])])
  const back = (d: Value) => g.op('Add', [g.op('Mul', [d, r.cos]), half(g.op('Mul', [d, r.sin]), true)])
  return g.record(turned(x, forward), [x], (dy) => [turned(dy!, back)])
}

/** Sum over the last axis, kept. */
export function sumLast(g: Graph, x: Value): Value {
  return g.op('ReduceSum', [x, g.ints([-1])], { keepdims: 1 })
}
