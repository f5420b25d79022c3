// The layout of the file of a model in 8 bits. runtime/prepare-quantized.ts writes it, the graphs of integer products read
// it.
import { headName, type ModelConfig, weightShapes } from '../model/config.ts'
import { type ByteRange, type QuantizedMatrix, transposed } from '../model/quantized.ts'
import { isProjection } from './hf-names.ts'

/** The runtime maps ranges of the file; floats must lie at multiples of their size. */
const ALIGNMENT = 64
/**
 * Says what the quantised bytes are, in the model's digest and beside the file: another text whenever the quantiser
 * or the file's layout gives other bytes than before.
 */
export const QUANTISATION = '8 bits, mixed, 3'

/** Where everything lies in the file of a model in 8 bits. */
export interface QuantizedLayout {
  /** By canonical name: all projections, the embedding table and the head, and their copies for training. */
  matrices: Map<string, QuantizedMatrix>
  /** By canonical name: norms and biases, f32. */
  tensors: Map<string, ByteRange>
  bytes: number
}

/** @param backward with the transposed copies that training reads, at the end */
export function quantizedLayout(config: ModelConfig, backward = false): QuantizedLayout {
  const matrices = new Map<string, QuantizedMatrix>()
  const tensors = new Map<string, ByteRange>()
  let bytes = 0
  const next = (length: number): ByteRange => {
    const offset = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
    bytes = offset + length
    return { offset, length }
  }
  for (const [name, dims] of weightShapes(config)) {
    // A table is [vocab, hidden], a projection [inputs, outputs].
    const [inputs, outputs] = isTable(config, name) ? [dims[1], dims[0]] : dims
    if (isTable(config, name) || isProjection(name))
      matrices.set(name, { inputs, outputs, values: next(inputs * outputs), scales: next(4 * outputs) })
    else tensors.set(name, next(4 * inputs))
  }
  if (backward)
    for (const [name, { inputs, outputs, scales }] of [...matrices]) {
      const values = () => next(inputs * outputs)
      if (isProjection(name))
        matrices.set(transposed(name), {
          inputs: outputs,
          outputs: inputs,
          values: values(),
          scales: next(4 * inputs),
        })
      else if (name === headName(config))
        matrices.set(transposed(name), {
          inputs: outputs,
          outputs: inputs,
          values: values(),
          scales,
          scaleOf: 'inputs',
        })
    }
  return { matrices, tensors, bytes }
}

/** Whether a weight is the embedding table or the head, [vocab, hidden]. */
export function isTable(config: ModelConfig, name: string): boolean {
  return name === 'embed' || name === headName(config)
}
