// A computation graph under construction, and reverse-mode differentiation over it. Operators that have a gradient
// register a rule on the tape (see operators.ts); `backward` walks the tape and adds the backward pass to the same
// graph.
import {
  type Attribute,
  type ElementTypeName,
  encodeModel,
  type InitializerRecord,
  type NodeRecord,
  type ValueRecord,
} from './onnx-bytes.ts'

/** A tensor in the graph. */
export interface Value {
  readonly name: string
  /** A gradient with respect to this value is wanted or passes through it. */
  needsGrad: boolean
}

/** Gradients with respect to the inputs of one operator, in input order; undefined where none is needed. */
export type GradientRule = (...outputGradients: (Value | undefined)[]) => (Value | undefined)[]

interface TapeEntry {
  outputs: Value[]
  inputs: (Value | undefined)[]
  rule: GradientRule
}

const MICROSOFT = 'com.microsoft'

export class Graph {
  private readonly nodes: NodeRecord[] = []
  private readonly initializers: InitializerRecord[] = []
  private readonly inputs: ValueRecord[] = []
  private readonly outputs: ValueRecord[] = []
  private readonly tape: TapeEntry[] = []
  /** Shapes made of parts in the graph (`shape`), by name: a part that is computed is a symbol. */
  private readonly parts = new Map<string, readonly (number | string)[]>()
  /**
   * Shapes that the runtime cannot infer. Without them it computes less in place, and plans the memory of a large graph for
   * ten times as long: for each new value it looks through all buffers of unknown size.
   */
  private readonly known = new Map<string, ValueRecord>()
  private readonly constants = new Map<string, Value>()
  private counter = 0

  /**
   * `f32` uses the runtime's fused operators; `f64` plain ones only: the exact oracle for gradients. `onGpu` avoids
   * what the runtime's GPU providers leave out: the second output of a normalisation.
   */
  constructor(
    readonly precision: 'f32' | 'f64' = 'f32',
    readonly onGpu = false,
  ) {}

  get fused(): boolean {
    return this.precision === 'f32'
  }

  /** One operator without a gradient rule of its own. Operators with several outputs: `opN`. */
  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Record<string, Attribute> = {}): Value {
    return this.opN(opType, inputs, 1, attributes)[0]
  }

  opN(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: number,
    attributes: Record<string, Attribute> = {},
  ): Value[] {
    const values = Array.from({ length: outputs }, () => ({ name: `t_${this.counter++}`, needsGrad: false }))
    this.nodes.push({
      opType,
      domain: MICROSOFT_OPERATORS.has(opType) ? MICROSOFT : '',
      inputs: inputs.map((v) => v?.name ?? ''),
      outputs: values.map((v) => v.name),
      attributes,
    })
    this.findShape(opType, inputs, values, attributes)
    return values
  }

  input(
    name: string,
    dims: readonly (number | string)[],
    type: ElementTypeName = this.precision,
    needsGrad = false,
  ): Value {
    this.inputs.push({ name, dims, type })
    return { name, needsGrad }
  }

  /**
   * Says a value's shape, and thereby its gradient's, where the runtime cannot infer it. Equal symbols must be equal
   * sizes.
   */
  sized(value: Value, dims: readonly (number | string)[]): Value {
    this.known.set(value.name, { name: value.name, dims, type: this.precision })
    return value
  }

  /** Says that a value has the shape of another. */
  like(value: Value, other: Value): Value {
    const shape = this.known.get(other.name)
    return shape ? this.sized(value, shape.dims) : value
  }

  /** Makes a value an output under the given name. */
  output(value: Value, name: string, dims: readonly (number | string)[], type: ElementTypeName = this.precision): void {
    this.nodes.push({ opType: 'Identity', domain: '', inputs: [value.name], outputs: [name], attributes: {} })
    this.outputs.push({ name, dims, type })
  }

  /** A constant with content. Integer and float scalars: `ints`, `scalar`. */
  initializer(
    name: string,
    dims: readonly number[],
    content: InitializerRecord['content'],
    type: ElementTypeName = this.precision,
  ): Value {
    this.initializers.push({ name, dims, type, content })
    return { name, needsGrad: false }
  }

  /** An int64 constant: a list makes a vector, a number a scalar. Equal constants are shared. */
  ints(value: readonly number[] | number): Value {
    const list = typeof value === 'number' ? [value] : value
    return this.constant(`i${typeof value === 'number' ? 's' : 'v'}${list.join()}`, (name) =>
      this.initializer(
        name,
        typeof value === 'number' ? [] : [list.length],
        new Uint8Array(BigInt64Array.from(list.map(BigInt)).buffer),
        'i64',
      ),
    )
  }

  /** A floating-point scalar constant. */
  scalar(value: number): Value {
    const array = this.precision === 'f64' ? new Float64Array([value]) : new Float32Array([value])
    return this.constant(`f${value}`, (name) => this.initializer(name, [], new Uint8Array(array.buffer)))
  }

  /** An unsigned byte. */
  byte(value: number): Value {
    return this.constant(`b${value}`, (name) => this.initializer(name, [], Uint8Array.of(value), 'u8'))
  }

  /** A constant that is made once for all who ask for it by the same key. */
  constant(key: string, make: (name: string) => Value): Value {
    let value = this.constants.get(key)
    if (!value) {
      value = make(`const_${this.counter++}`)
      this.constants.set(key, value)
    }
    return value
  }

  /** Shapes behind Reshape and Split whose sizes the graph computes. */
  private findShape(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Value[],
    { axis }: Record<string, Attribute>,
  ): void {
    const [x, sizes] = inputs
    const parts = sizes && this.parts.get(sizes.name)
    const whole = x && this.known.get(x.name)?.dims
    if (opType === 'Reshape' && parts && !parts.includes(-1)) this.sized(outputs[0], parts)
    if (opType === 'Split' && parts && whole && typeof axis === 'number')
      outputs.forEach((output, i) => {
        const dims = [...whole]
        dims[axis < 0 ? dims.length + axis : axis] = parts[i]
        this.sized(output, dims)
      })
  }

  /** Concatenation of int64 scalars-in-vectors and numbers: a shape computed in the graph. */
  shape(...parts: (Value | number)[]): Value {
    const dims = parts.map((part) => (typeof part === 'number' ? part : part.name))
    const shape = this.op(
      'Concat',
      parts.map((part) => (typeof part === 'number' ? this.ints([part]) : part)),
      { axis: 0 },
    )
    this.parts.set(shape.name, dims)
    return shape
  }

  /** Registers the gradient rule of an operator with one output. */
  record(output: Value, inputs: (Value | undefined)[], rule: GradientRule): Value {
    return this.recordN([output], inputs, rule)[0]
  }

  recordN(outputs: Value[], inputs: (Value | undefined)[], rule: GradientRule): Value[] {
    if (inputs.some((v) => v?.needsGrad)) {
      for (const output of outputs) output.needsGrad = true
      this.tape.push({ outputs, inputs, rule })
    }
    return outputs
  }

  /** Gradients (by value name) of Σ seed·value over the given pairs. */
  backward(seeds: readonly [value: Value, gradient: Value][]): Map<string, Value> {
    const gradients = new Map<string, Value>()
    const accumulate = (value: Value | undefined, gradient: Value | undefined) => {
      if (!value?.needsGrad || !gradient) return
      const before = gradients.get(value.name)
      gradients.set(value.name, this.like(before ? this.op('Add', [before, gradient]) : gradient, value))
    }
    for (const [value, gradient] of seeds) accumulate(value, gradient)
    for (let i = this.tape.length - 1; i >= 0; i--) {
      const { outputs, inputs, rule } = this.tape[i]
      const outputGradients = outputs.map((v) => gradients.get(v.name))
      if (!outputGradients.some((v) => v)) continue
      const inputGradients = rule(...outputGradients)
      inputs.forEach((value, k) => {
        accumulate(value, inputGradients[k])
      })
    }
    return gradients
  }

  encode(): Uint8Array {
    const { nodes, initializers, inputs, outputs } = this
    return encodeModel({ nodes, initializers, inputs, outputs, known: [...this.known.values()] })
  }
}

const MICROSOFT_OPERATORS = new Set([
  'FusedMatMul',
  'RotaryEmbedding',
  'SkipSimplifiedLayerNormalization',
  'QuickGelu',
  'FastGelu',
  'MatMulIntegerToFloat',
])
