// A weight source before conversion: canonical names, torch's orientation, values on demand. hf-source.ts makes one of
// a Hugging Face folder, gguf-source.ts of a GGUF file; open-weights.ts turns it into the flat file.

import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { isProjection } from './hf-names.ts'

/** One tensor of a source, row-major; projections are [outputs, inputs]. */
export interface SourceTensor {
  dims: number[]
  /** Fills `out` with whole rows, as f32; the first of them begins at the element `from`. */
  fill(from: number, out: Float32Array): void
}

export interface WeightSource {
  config: ModelConfig
  /** By canonical name: exactly those of `weightShapes(config)`. */
  tensors: Map<string, SourceTensor>
  close(): void
}

/** The place of a canonical weight in a source: all of a tensor, or some of its rows. */
export interface Place<T> {
  tensor: T
  /** Of the weight itself. */
  dims: number[]
  /** Elements of the tensor before the weight's. */
  offset: number
}

/**
 * Pairs the canonical weights of a model with a source's tensors. `nameOf` gives the source's name of a canonical one;
 * those of the same name are rows of one tensor, in canonical order. `ignored` says which further tensors carry nothing
 * the engine needs. Throws a BumpError that names missing, unexpected and wrongly shaped tensors.
 */
export function pairTensors<T>(
  path: string,
  config: ModelConfig,
  found: ReadonlyMap<string, T>,
  dimsOf: (tensor: T) => number[],
  nameOf: (canonical: string) => string,
  ignored: (name: string) => boolean,
): Map<string, Place<T>> {
  const shapes = weightShapes(config)
  const names = new Map([...shapes.keys()].map((canonical) => [canonical, nameOf(canonical)]))
  const expected = new Set(names.values())
  const missing = [...expected].filter((name) => !found.has(name))
  const unexpected = [...found.keys()].filter((name) => !expected.has(name) && !ignored(name))
  if (missing.length > 0 || unexpected.length > 0) {
    const problems = [
      ...(missing.length > 0 ? [`missing tensors: ${few(missing)}`] : []),
      ...(unexpected.length > 0 ? [`unexpected tensors: ${few(unexpected)}`] : []),
    ]
    throw new BumpError(
      'model-unusable',
      `${path}: the weights do not fit a ${config.family} model of ${config.layers} layers: ${problems.join('; ')}. ` +
        (missing.includes(nameOf('head'))
          ? 'If the head is meant to be the embedding table, set "tie_word_embeddings" to true in config.json. '
          : '') +
        'Check that configuration and weights belong together and are complete.',
    )
  }
  const paired = new Map<string, Place<T>>()
  const rows = new Map<string, number>()
  for (const [canonical, name] of names) {
    const tensor = found.get(name) as T
    const shape = shapes.get(canonical) as number[]
    const dims = isProjection(canonical) ? [...shape].reverse() : shape
    const before = rows.get(name) ?? 0
    rows.set(name, before + dims[0])
    paired.set(canonical, { tensor, dims, offset: dims.slice(1).reduce((size, dim) => size * dim, before) })
  }
  for (const [canonical, { tensor, dims }] of paired) {
    const name = names.get(canonical) as string
    const wanted = [rows.get(name) as number, ...dims.slice(1)]
    const got = dimsOf(tensor)
    if (got.length !== wanted.length || got.some((dim, i) => dim !== wanted[i]))
      throw new BumpError(
        'model-unusable',
        `${path}: tensor ${name} has the shape [${got.join(', ')}], the configuration asks for [${wanted.join(', ')}]. ` +
          'Check that configuration and weights belong together.',
      )
  }
  return paired
}
