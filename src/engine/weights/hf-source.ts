// A Hugging Face folder (config.json, safetensors files) as a weight source.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BumpError } from '../../util/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import { rowOf } from '../model/families.ts'
import { BinaryFile } from './binary-file.ts'
import { parseHuggingFaceConfig, readJson } from './hf-config.ts'
import { huggingFaceName, isNorm } from './hf-names.ts'
import { fillElements, readElements, readSafetensors, type SafeTensor, safetensorsFiles } from './safetensors.ts'
import { type Place, pairTensors, type WeightSource } from './source.ts'

/** The model configuration of a Hugging Face folder. Throws a BumpError naming the file and field at fault. */
export function readHuggingFaceConfig(folder: string): ModelConfig {
  const path = join(folder, 'config.json')
  if (!existsSync(path) && existsSync(join(folder, 'adapter_config.json')))
    throw new BumpError(
      'model-unusable',
      `${folder}: is an adapter, not a model. Name the model that it belongs to, which adapter_config.json in it says.`,
    )
  return parseHuggingFaceConfig(readJson(path), path)
}

/** Elements of two matrices that are compared at once. */
const SLAB = 1 << 22

/**
 * Many files of tied models hold the head, too, as a copy of the embedding table. One that differs was trained apart:
 * whoever ignores it runs another model. Throws a BumpError for such a head.
 */
function refuseOtherHead(folder: string, head: SafeTensor, embed: SafeTensor): void {
  const elements = (tensor: SafeTensor) => tensor.dims.reduce((product, dim) => product * dim, 1)
  const size = elements(embed)
  let same = head.dims.join() === embed.dims.join()
  for (let from = 0; same && from < size; from += SLAB) {
    const to = Math.min(size, from + SLAB)
    const [a, b] = [readElements(head, from, to), readElements(embed, from, to)]
    same = Buffer.from(a.buffer).equals(Buffer.from(b.buffer))
  }
  if (same) return
  throw new BumpError(
    'model-unusable',
    `${folder}: config.json ties the head to the embedding table ("tie_word_embeddings" is true), but lm_head.weight ` +
      'in the weights differs from model.embed_tokens.weight. Set "tie_word_embeddings" to false to use that head, or ' +
      'remove lm_head.weight from the weights if the head is meant to be tied.',
  )
}

/** Opens a Hugging Face folder. Throws a BumpError for damaged, missing and unfitting files. */
export function openHuggingFaceSource(folder: string): WeightSource {
  const config = readHuggingFaceConfig(folder)
  const files: BinaryFile[] = []
  const close = () => {
    for (const file of files) file.close()
  }
  try {
    const found = new Map<string, SafeTensor>()
    for (const path of safetensorsFiles(folder)) {
      const file = new BinaryFile(path)
      files.push(file)
      for (const [name, tensor] of readSafetensors(file)) {
        if (found.has(name))
          throw new BumpError('model-unusable', `${path}: tensor ${name} also stands in another shard.`)
        found.set(name, tensor)
      }
    }
    const ignored = (name: string) =>
      name.endsWith('rotary_emb.inv_freq') || (config.tiedHead && name === 'lm_head.weight')
    const nameOf = (canonical: string) => huggingFaceName(config, canonical)
    const paired = pairTensors(folder, config, found, (tensor) => tensor.dims, nameOf, ignored)
    const head = config.tiedHead ? found.get('lm_head.weight') : undefined
    if (head !== undefined) refuseOtherHead(folder, head, (paired.get('embed') as Place<SafeTensor>).tensor)
    const tensors = new Map(
      [...paired].map(([canonical, { tensor, dims, offset }]) => {
        const lessOne = rowOf(config.family).normsLessOne && isNorm(canonical)
        const fill = (from: number, out: Float32Array) => {
          fillElements(tensor, offset + from, out)
          if (lessOne) for (let i = 0; i < out.length; i++) out[i] += 1
        }
        return [canonical, { dims, fill }]
      }),
    )
    return { config, tensors, close }
  } catch (error) {
    close()
    throw error
  }
}
