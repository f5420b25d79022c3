// Full weights of a saved policy (a Hugging Face folder) read back into the engine's names and orientation.
import { BumpError } from '../../util/errors.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { isProjection, transpose } from '../weights/hf-names.ts'
import { openHuggingFaceSource } from '../weights/hf-source.ts'
import type { OwnedTensor } from './model-weights.ts'

/**
 * @param folder what `writeHuggingFaceFolder` wrote
 * @throws BumpError when the folder holds a model of another shape
 */
export function readFullWeights(folder: string, config: ModelConfig): Map<string, OwnedTensor> {
  const source = openHuggingFaceSource(folder)
  try {
    const wanted = weightShapes(config)
    const out = new Map<string, OwnedTensor>()
    for (const [name, dims] of wanted) {
      const tensor = source.tensors.get(name)
      const stored = isProjection(name) ? [...dims].reverse() : dims
      if (tensor?.dims.join() !== stored.join())
        throw new BumpError(
          'model-unusable',
          `${folder}: ${name} does not have the shape [${stored.join(', ')}] of the model being trained`,
        )
      const data = new Float32Array(dims.reduce((a, b) => a * b, 1))
      tensor.fill(0, data)
      out.set(name, { dims, data: isProjection(name) ? transpose(data, stored[0], stored[1]) : data })
    }
    return out
  } finally {
    source.close()
  }
}
