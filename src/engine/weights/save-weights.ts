// Saves full weights as a Hugging Face folder that transformers, vLLM and llama.cpp's converter read.
import { join } from 'node:path'
import { writeFileAtomic } from '../../util/files.ts'
import { writeProblem } from '../../util/writing.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { toHuggingFaceConfig } from './hf-config.ts'
import { huggingFaceName, isProjection, transpose } from './hf-names.ts'
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
  const tensors = new Map<string, TensorToWrite>()
  for (const [name, dims] of weightShapes(config)) {
    const turned = isProjection(name)
    tensors.set(huggingFaceName(name), {
      dims: turned ? [...dims].reverse() : dims,
      data: () => (turned ? transpose(read(name), dims[0], dims[1]) : read(name)),
    })
  }
  writeSafetensors(join(folder, 'model.safetensors'), tensors, dtype)
  try {
    writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(toHuggingFaceConfig(config, dtype), null, 2)}\n`)
  } catch (error) {
    throw writeProblem(folder, error)
  }
}
