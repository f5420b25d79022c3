// One definition of a decoder of the Llama kind, from which every graph is made: training, prefill, scoring and
// decoding differ in what attends to what (the `Attend` they pass in) and in what they return, not here.
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import type { Graph, Value } from '../graph/graph.ts'
import {
  add,
  addBias,
  gatedGelu,
  gatedSilu,
  gatherRows,
  type IntegerMatrix,
  integerMatmul,
  integerProduct,
  matmul,
  product,
  type QuantizedRows,
  quantizeRows,
  rmsNorm,
  rotary,
  scale,
  twoByteProduct,
} from '../graph/operators.ts'
import { headName, type ModelConfig, projectionShape, weightShapes } from './config.ts'
import { mixChannels } from './hadamard.ts'
import { type ByteRange, type QuantizedMatrix, transposed } from './quantized.ts'
import type { LayerRotary } from './rope.ts'

/** Low-rank adaptation of some projections: y = x·W + scale·(x·A)·B. */
export interface LoraShape {
  rank: number
  /** alpha/rank, or alpha/√rank with rsLoRA. */
  scale: number
  targets: readonly Projection[]
}

/** Names and shapes of a model's adapter tensors: `l0.q.A` [in,rank], `l0.q.B` [rank,out], in layer order. */
export function loraShapes(c: ModelConfig, lora: LoraShape): Map<string, number[]> {
  const shapes = new Map<string, number[]>()
  for (let l = 0; l < c.layers; l++)
    for (const projection of PROJECTIONS) {
      if (!lora.targets.includes(projection)) continue
      const [inputs, outputs] = projectionShape(c, projection)
      shapes.set(`l${l}.${projection}.A`, [inputs, lora.rank])
      shapes.set(`l${l}.${projection}.B`, [lora.rank, outputs])
    }
  return shapes
}

/** Where the weights of a graph come from. */
export interface WeightBinding {
  /** Fed at every run, or ranges of a file beside the graph that the runtime maps. */
  base: 'fed' | { file: string; ranges: ReadonlyMap<string, ByteRange> }
  /**
   * The matrices in 8 bits, with their transposed copies where the graph has gradients: from where `base` is from. And
   * the levels of activations (graph/operators.ts).
   */
  quantized?: { matrices: ReadonlyMap<string, QuantizedMatrix>; levels: number }
  /** Projections of the same input run as one product, of a private copy of their weights: for decoding. */
  joined?: boolean
  lora?: LoraShape
  /** Which tensors the graph gives gradients for. */
  train?: 'lora' | 'full'
}

/** Gives weights of one graph by canonical name, each made once. */
export class Weights {
  private readonly made = new Map<string, Value>()
  private readonly shapes: Map<string, number[]>
  private readonly adapters: Map<string, number[]>

  constructor(
    private readonly g: Graph,
    readonly config: ModelConfig,
    private readonly binding: WeightBinding,
  ) {
    this.shapes = weightShapes(config)
    this.adapters = binding.lora ? loraShapes(config, binding.lora) : new Map()
  }

  get(name: string): Value {
    let value = this.made.get(name)
    if (!value) {
      value = this.make(name)
      this.made.set(name, value)
    }
    return value
  }

  get loraScale(): number {
    return this.binding.lora?.scale ?? 0
  }

  adapts(name: string): boolean {
    return this.adapters.has(`${name}.A`)
  }

  get head(): Value {
    return this.get(headName(this.config))
  }

  get trainsHead(): boolean {
    return this.binding.train === 'full'
  }

  get quantized(): boolean {
    return this.binding.quantized !== undefined
  }

  /** ids [N] → their rows of the embedding table [N,H]. */
  embed(ids: Value): Value {
    return this.rows('embed', ids)
  }

  /** ids [N] → their rows of the head [N,H]. */
  headRows(ids: Value): Value {
    return this.rows(headName(this.config), ids)
  }

  /** p [N,V] ≥ 0 · head, without a gradient. */
  timesHead(p: Value): Value {
    const { quantized } = this.binding
    if (!quantized) return this.g.op('MatMul', [p, this.head])
    const mixed = twoByteProduct(this.g, p, this.matrix(transposed(headName(this.config))), quantized.levels)
    return mixChannels(this.g, mixed, this.config.hidden)
  }

  /** x [N,in] · each of the projections called `names`: one product where the binding joins them. */
  timesEach(x: Value, names: readonly string[]): Value[] {
    if (this.binding.quantized) {
      const rows = this.quantizeRows(x, this.shapes.get(names[0])![0])
      return names.map((name) =>
        integerMatmul(this.g, x, rows, this.matrix(name), (dy) => this.integers(dy, transposed(name))),
      )
    }
    if (!this.binding.joined || names.length === 1) return names.map((name) => matmul(this.g, x, this.get(name)))
    const outputs = names.map((name) => this.shapes.get(name)![1])
    // The runtime folds a concatenation of constants when it opens the graph.
    const weights = this.g.op(
      'Concat',
      names.map((name) => this.get(name)),
      { axis: 1 },
    )
    return this.g.opN('Split', [this.g.op('MatMul', [x, weights]), this.g.ints(outputs)], names.length, { axis: -1 })
  }

  /** h [N,H] → logits [N,V], for graphs without gradients. */
  logits(h: Value): Value {
    if (this.quantized) return this.integers(h, headName(this.config))
    return product(this.g, h, this.head, { transposeB: true })
  }

  /** h [N,H], labels [L] → their logits [N,L], for graphs without gradients. */
  labelLogits(h: Value, labels: Value): Value {
    const { g } = this
    if (!this.quantized) return product(g, h, g.op('Gather', [this.head, labels], { axis: 0 }), { transposeB: true })
    return integerProduct(g, this.quantizeRows(h, this.config.hidden), this.columns(headName(this.config), labels))
  }

  /** Names of all tensors with gradients, with their shapes. */
  trained(): Map<string, number[]> {
    if (this.binding.train === 'full') return this.shapes
    return this.binding.train === 'lora' ? this.adapters : new Map()
  }

  /** x [N,inputs] · a matrix in 8 bits, by integers. */
  private integers(x: Value, name: string): Value {
    const matrix = this.matrix(name)
    return integerProduct(this.g, this.quantizeRows(x, this.binding.quantized!.matrices.get(name)!.inputs), matrix)
  }

  /** x [N,inputs], as the matrices in 8 bits read it. */
  private quantizeRows(x: Value, inputs: number): QuantizedRows {
    return quantizeRows(this.g, mixChannels(this.g, x, inputs), this.binding.quantized!.levels)
  }

  /** A matrix in 8 bits, its inputs mixed. */
  private matrix(name: string): IntegerMatrix {
    const matrix = this.binding.quantized!.matrices.get(name)
    if (!matrix) throw new Error(`no quantised weight is called ${name}`)
    const { base } = this.binding
    const stored = (part: 'values' | 'scales', dims: number[], type: 'i8' | 'f32') => {
      const key = `${name}.${part}`
      const value =
        this.made.get(key) ??
        (base === 'fed'
          ? this.g.input(key, dims, type)
          : this.g.initializer(key, dims, { file: base.file, ...matrix[part] }, type))
      this.made.set(key, value)
      return value
    }
    const { inputs, outputs, scaleOf = 'outputs' } = matrix
    return { values: stored('values', [inputs, outputs], 'i8'), scales: stored('scales', [matrix[scaleOf]], 'f32') }
  }

  /** ids [N] → their rows of a table [N,H]. */
  private rows(table: string, ids: Value): Value {
    const { g } = this
    if (!this.quantized) return gatherRows(g, this.get(table), ids)
    const { values, scales } = this.columns(table, ids)
    const rows = g.op('Transpose', [g.op('Cast', [values], { to: 1 })], { perm: [1, 0] })
    return mixChannels(g, g.op('Mul', [rows, g.op('Unsqueeze', [scales, g.ints([1])])]), this.config.hidden)
  }

  /** The given outputs of a matrix in 8 bits. */
  private columns(name: string, ids: Value): IntegerMatrix {
    const { values, scales } = this.matrix(name)
    return {
      values: this.g.op('Gather', [values, ids], { axis: 1 }),
      scales: this.g.op('Gather', [scales, ids], { axis: 0 }),
    }
  }

  private make(name: string): Value {
    const adapter = this.adapters.get(name)
    if (adapter) return this.g.input(name, adapter, this.g.precision, this.binding.train === 'lora')
    const shape = this.shapes.get(name)
    if (!shape) throw new Error(`no weight is called ${name}`)
    const { base } = this.binding
    if (base === 'fed') return this.g.input(name, shape, this.g.precision, this.binding.train === 'full')
    const range = base.ranges.get(name)
    if (!range) throw new Error(`the file holds no weight called ${name}`)
    return this.g.initializer(name, shape, { file: base.file, ...range })
  }
}

/** q [N, heads·D], k and v [N, kvHeads·D], rotated → attention output [N, heads·D]. */
export type Attend = (q: Value, k: Value, v: Value, layer: number) => Value

/** x [N,in] through the projections called `names`, with bias and adapter where the model has them. */
function project(g: Graph, w: Weights, x: Value, names: readonly string[], bias: boolean): Value[] {
  return w.timesEach(x, names).map((product, i) => {
    const name = names[i]
    const y = bias ? addBias(g, product, w.get(`${name}.bias`)) : product
    if (!w.adapts(name)) return y
    return add(g, y, matmul(g, matmul(g, x, w.get(`${name}.A`)), w.get(`${name}.B`), { alpha: w.loraScale }))
  })
}

/** RMS normalisation of q or k [N, heads·D]: per head, or of the whole row. */
function headNorm(g: Graph, c: ModelConfig, x: Value, w: Value, heads: number): Value {
  if (c.qkNorm === 'whole') return rmsNorm(g, x, w, c.normEps, heads * c.headDim)
  const perHead = g.ints([0, heads, c.headDim])
  const flat = g.ints([0, heads * c.headDim])
  const rows = g.record(g.op('Reshape', [x, perHead]), [x], (dy) => [g.op('Reshape', [dy, flat])])
  const normed = rmsNorm(g, rows, w, c.normEps, c.headDim)
  return g.record(g.op('Reshape', [normed, flat]), [normed], (dy) => [g.op('Reshape', [dy, perHead])])
}

/** One layer: x [N,H] → [N,H]. */
export function decoderLayer(g: Graph, w: Weights, x: Value, l: number, rope: LayerRotary, attend: Attend): Value {
  const c = w.config
  const norm = (v: Value, name: string) => rmsNorm(g, v, w.get(`l${l}.${name}`), c.normEps, c.hidden)
  const before = (v: Value, block: string) => (c.norms === 'post' ? v : norm(v, `${block}_norm`))
  const after = (v: Value, block: string) => scale(g, c.norms ? norm(v, `${block}_post_norm`) : v, c.residualScale ?? 1)

  let [q, k, v] = project(g, w, before(x, 'attn'), [`l${l}.q`, `l${l}.k`, `l${l}.v`], c.attentionBias)
  if (c.qkNorm) {
    q = headNorm(g, c, q, w.get(`l${l}.q_norm`), c.heads)
    k = headNorm(g, c, k, w.get(`l${l}.k_norm`), c.kvHeads)
  }
  const rotation = rope(l)
  if (rotation) {
    q = rotary(g, q, c.heads, c.headDim, rotation)
    k = rotary(g, k, c.kvHeads, c.headDim, rotation)
  }
  const heads = (value: Value, count: number) => g.sized(value, ['N', count * c.headDim])
  const read = attend(heads(q, c.heads), heads(k, c.kvHeads), heads(v, c.kvHeads), l)
  const [output] = project(g, w, heads(read, c.heads), [`l${l}.o`], false)
  const attended = add(g, x, after(output, 'attn'))
  const [gate, up] = project(g, w, before(attended, 'ffn'), [`l${l}.gate`, `l${l}.up`], false)
  const gated = c.activation === 'gelu' ? gatedGelu(g, gate, up) : gatedSilu(g, gate, up)
  const [down] = project(g, w, gated, [`l${l}.down`], false)
  return add(g, attended, after(down, 'ffn'))
}

/** ids [N] → what the first layer gets [N,H]. */
export function embedded(g: Graph, w: Weights, ids: Value): Value {
  return scale(g, w.embed(ids), w.config.embeddingScale ?? 1)
}

/** The last layer's output [N,H] → hidden states [N,H], normalised, ready for the head. */
export function finalNorm(g: Graph, w: Weights, x: Value): Value {
  const { normEps, hidden, logitDivisor = 1 } = w.config
  return scale(g, rmsNorm(g, x, w.get('norm'), normEps, hidden), 1 / logitDivisor)
}

/** ids [N] → final hidden states [N,H], normalised, ready for the head. */
export function decoder(g: Graph, w: Weights, ids: Value, rope: LayerRotary, attend: Attend): Value {
  let x = embedded(g, w, ids)
  for (let l = 0; l < w.config.layers; l++) x = decoderLayer(g, w, x, l, rope, attend)
  return finalNorm(g, w, x)
}
