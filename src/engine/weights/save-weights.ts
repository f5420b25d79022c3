// Saves full weights as a Hugging Face folder that transformers, vLLM and llama.cpp's converter read.
import { join } from 'node:path'
import { writeFileAtomic } from '../../util/files.ts'
import { writeProblem } from '../../util/writing.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { rowOf } from '../model/families.ts'
import { toHuggingFaceConfig } from './hf-config.ts'
import { huggingFaceName, isNorm, isProjection, transpose } from './hf-names.ts'
import { type TensorToWrite, writeSafetensors } from './safetensors.ts'

/**
 * Writes config.json and model.safetensors under transformers' names, projections turned back to [outputs, inputs].
 * `read` gives a weight by canonical name in the engine's orientation; it is called for one tensor at a time.
 * Throws a BumpError where the folder cannot be written.
 */
export function writeHuggingFaceFolder(
  folder: string,
  config: ModelConfig,
  read: (name: string) => Float32Array,
  dtype: 'F32' | 'BF16' | 'F16' = 'F32',
): void {
  const shapes = weightShapes(config)
  const joined = new Map<string, string[]>()
  for (const canonical of shapes.keys()) {
    const name = huggingFaceName(config, canonical)
    joined.set(name, [...(joined.get(name) ?? []), canonical])
  }
  const stored = (canonical: string): Float32Array => {
    const [inputs, outputs] = shapes.get(canonical)!
    if (isProjection(canonical)) return transpose(read(canonical), inputs, outputs)
    const lessOne = rowOf(config.family).normsLessOne && isNorm(canonical)
    return lessOne ? read(canonical).map((value) => value - 1) : read(canonical)
  }
  const tensors = new Map<string, TensorToWrite>()
  for (const [name, parts] of joined) {
    const dims = parts.map((canonical) => {
      const shape = shapes.get(canonical)!
      return isProjection(canonical) ? [...shape].reverse() : shape
    })
    tensors.set(name, {
      dims: [dims.reduce((rows, [first]) => rows + first, 0), ...dims[0].slice(1)],
      data: () => (parts.length === 1 ? stored(parts[0]) : concatenated(parts.map(stored))),
    })
  }
  writeSafetensors(join(folder, 'model.safetensors'), tensors, dtype)
  try {
    writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(toHuggingFaceConfig(config, dtype), null, 2)}\n`)
  } catch (error) {
    throw writeProblem(folder, error)
  }
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
