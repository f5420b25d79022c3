// A BERT as a graph, for encoders whose folders hold safetensors alone: token ids in, the last layer's vectors out.

import { BumpError } from '../../util/errors.ts'
import { Graph, type Value } from '../graph/graph.ts'
import { BinaryFile } from '../weights/binary-file.ts'
import { transpose } from '../weights/hf-names.ts'
import { readElements, readSafetensors, type SafeTensor, safetensorsFiles } from '../weights/safetensors.ts'
import type { BertShape } from './settings.ts'

/** A graph is one message of at most 2 GB, which holds the weights. */
const MAX_WEIGHTS = 1.9e9 / 4

/**
 * The model of a folder's safetensors as an ONNX model: input_ids and attention_mask [N,L] → last_hidden_state
 * [N,L,hidden]. Throws BumpError (`model-unusable`) for damaged files and tensors that are missing or of another shape.
 */
export function buildBertGraph(folder: string, shape: BertShape): Uint8Array {
  const files = safetensorsFiles(folder).map((path) => new BinaryFile(path))
  try {
    // Of some writers, the positions 0, 1, 2, … stand among the weights.
    const tensors = new Map(
      files.flatMap((file) => [...readSafetensors(file, (name) => name.endsWith('position_ids'))]),
    )
    return new BertGraph(folder, shape, tensors).encode()
  } finally {
    for (const file of files) file.close()
  }
}

class BertGraph {
  private readonly g = new Graph()
  private weights = 0

  constructor(
    private readonly folder: string,
    private readonly shape: BertShape,
    private readonly tensors: ReadonlyMap<string, SafeTensor>,
  ) {}

  encode(): Uint8Array {
    const { g, shape } = this
    const { hidden, vocab, positions, types, layers } = shape
    const ids = g.input('input_ids', ['N', 'L'], 'i64')
    const mask = g.input('attention_mask', ['N', 'L'], 'i64')
    const length = g.op('Gather', [g.op('Shape', [ids]), g.ints([1])], { axis: 0 })
    const table = (name: string, rows: number) => this.tensor(`embeddings.${name}_embeddings.weight`, [rows, hidden])
    const words = g.op('Gather', [table('word', vocab), ids], { axis: 0 })
    const places = g.op('Slice', [table('position', positions), g.ints([0]), length, g.ints([0])])
    const first = g.op('Slice', [table('token_type', types), g.ints([0]), g.ints([1]), g.ints([0])])
    let x = this.norm(g.op('Add', [words, g.op('Add', [places, first])]), 'embeddings.LayerNorm')
    // What padding would add to a score, before the softmax.
    const padding = g.op('Mul', [g.op('Sub', [g.op('Cast', [mask], { to: 1 }), g.scalar(1)]), g.scalar(1e9)])
    const bias = g.op('Unsqueeze', [padding, g.ints([1, 2])])
    for (let layer = 0; layer < layers; layer++) x = this.layer(x, bias, `encoder.layer.${layer}`)
    g.output(x, 'last_hidden_state', ['N', 'L', hidden])
    return g.encode()
  }

  private layer(x: Value, bias: Value, at: string): Value {
    const { g } = this
    const { hidden, heads, intermediate } = this.shape
    const perHead = g.ints([0, 0, heads, hidden / heads])
    const head = (name: string, perm: readonly number[]) =>
      g.op('Transpose', [g.op('Reshape', [this.linear(x, `${at}.attention.self.${name}`, hidden, hidden), perHead])], {
        perm,
      })
    const scores = g.op('MatMul', [head('query', [0, 2, 1, 3]), head('key', [0, 2, 3, 1])])
    const scaled = g.op('Mul', [scores, g.scalar(1 / Math.sqrt(hidden / heads))])
    const attention = g.op('Softmax', [g.op('Add', [scaled, bias])], { axis: -1 })
    const mixed = g.op('Transpose', [g.op('MatMul', [attention, head('value', [0, 2, 1, 3])])], { perm: [0, 2, 1, 3] })
    const rows = g.op('Reshape', [mixed, g.ints([0, 0, hidden])])
    const attended = this.linear(rows, `${at}.attention.output.dense`, hidden, hidden)
    const y = this.norm(g.op('Add', [x, attended]), `${at}.attention.output.LayerNorm`)
    const wide = this.gelu(this.linear(y, `${at}.intermediate.dense`, hidden, intermediate))
    return this.norm(
      g.op('Add', [y, this.linear(wide, `${at}.output.dense`, intermediate, hidden)]),
      `${at}.output.LayerNorm`,
    )
  }

  private linear(x: Value, name: string, inputs: number, outputs: number): Value {
    const weights = this.tensor(`${name}.weight`, [outputs, inputs], true)
    return this.g.op('Add', [this.g.op('MatMul', [x, weights]), this.tensor(`${name}.bias`, [outputs])])
  }

  private norm(x: Value, name: string): Value {
    const { hidden, epsilon } = this.shape
    const inputs = [x, this.tensor(`${name}.weight`, [hidden]), this.tensor(`${name}.bias`, [hidden])]
    return this.g.op('LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } })
  }

  /** x/2 · (1 + erf(x/√2)). */
  private gelu(x: Value): Value {
    const { g } = this
    const erf = g.op('Erf', [g.op('Mul', [x, g.scalar(Math.SQRT1_2)])])
    return g.op('Mul', [g.op('Mul', [x, g.scalar(0.5)]), g.op('Add', [erf, g.scalar(1)])])
  }

  /** A weight, by its name in an encoder's file or in that of a model with a head. */
  private tensor(name: string, dims: readonly number[], transposed = false): Value {
    const found = this.tensors.get(name) ?? this.tensors.get(`bert.${name}`)
    if (found?.dims.join() !== dims.join())
      throw new BumpError(
        'model-unusable',
        `${this.folder}: the tensor ${name} ${found ? `has the shape [${found.dims.join(', ')}]` : 'is missing'}, config.json asks ` +
          `for [${dims.join(', ')}]. Download the encoder again.`,
      )
    const elements = dims.reduce((product, dim) => product * dim, 1)
    this.weights += elements
    if (this.weights > MAX_WEIGHTS)
      throw new BumpError(
        'model-unusable',
        `${this.folder}: the encoder has more than ${Math.floor(MAX_WEIGHTS / 1e6)} million weights. Use a smaller one, such as ` +
          'BAAI/bge-small-en-v1.5.',
      )
    const stored = readElements(found, 0, elements)
    const data = transposed ? transpose(stored, dims[0], dims[1]) : stored
    return this.g.initializer(name, transposed ? [...dims].reverse() : dims, new Uint8Array(data.buffer))
  }
}
