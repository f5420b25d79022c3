// A GGUF model in one file or in the shards that llama-gguf-split makes of it: `<name>-00001-of-00003.gguf` and so on.
// Any shard stands for the whole; the first has the model's metadata, each has its own tensors.
import { existsSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'
import { shardNames } from '../../util/shard-names.ts'
import { BinaryFile } from './binary-file.ts'
import { type Gguf, type GgufTensor, type ParseOptions, parseGguf } from './gguf.ts'

/** A tensor and the file that it lies in. */
export interface ShardTensor extends GgufTensor {
  file: BinaryFile
}

export interface GgufModel {
  /** Of the first shard. */
  metadata: Gguf['metadata']
  tensors: Map<string, ShardTensor>
  close(): void
}

const MAX_SHARDS = 10_000

function numberOf(gguf: Gguf, key: string): number | undefined {
  const value = gguf.metadata.get(key)
  return typeof value === 'number' ? value : undefined
}

/** Paths of all shards of a model, `path` being one of `count`. Throws a BumpError where they are not there. */
function shardsOf(path: string, count: number): string[] {
  const merge = `llama-gguf-split --merge ${path} merged.gguf`
  const names = shardNames(path)
  if (count > MAX_SHARDS || names.length !== count)
    throw new BumpError(
      'model-unusable',
      `${path}: is one of ${count} shards of a model, but is not named so (…-00001-of-${String(count).padStart(5, '0')}.gguf). ` +
        `Give the shards their names back, or merge them under those names with ${merge}`,
    )
  const missing = names.filter((name) => !existsSync(name))
  if (missing.length > 0)
    throw new BumpError(
      'model-unusable',
      `${path}: is one of ${count} shards of a model, of which ${missing.slice(0, 3).join(', ')} ` +
        `${missing.length > 1 ? `(${missing.length} in all) are` : 'is'} missing. Put all shards into one folder.`,
    )
  return names
}

/**
 * Opens the GGUF model that the file at `path` is or is a shard of.
 * @throws BumpError as `parseGguf` does, and for shards that are missing or do not belong together.
 */
export function openGguf(path: string, options: ParseOptions = {}): GgufModel {
  const files: BinaryFile[] = []
  const open = (path: string) => {
    const file = new BinaryFile(path)
    files.push(file)
    return { file, gguf: parseGguf(file, options) }
  }
  const close = () => {
    for (const file of files) file.close()
  }
  try {
    const named = open(path)
    const count = numberOf(named.gguf, 'split.count') ?? 1
    const shards = count > 1 ? shardsOf(path, count).map((name) => (name === path ? named : open(name))) : [named]
    const tensors = new Map<string, ShardTensor>()
    shards.forEach(({ file, gguf }, i) => {
      if (count > 1 && (numberOf(gguf, 'split.count') !== count || numberOf(gguf, 'split.no') !== i))
        throw new BumpError(
          'model-unusable',
          `${file.path}: says that it is shard ${Number(numberOf(gguf, 'split.no') ?? Number.NaN) + 1} of ` +
            `${numberOf(gguf, 'split.count')}, by its name it is shard ${i + 1} of ${count}. Download the shards again.`,
        )
      for (const [name, tensor] of gguf.tensors) {
        if (tensors.has(name))
          throw new BumpError('model-unusable', `${file.path}: tensor ${name} also stands in another shard.`)
        tensors.set(name, { ...tensor, file })
      }
    })
    const total = numberOf(shards[0].gguf, 'split.tensors.count')
    if (count > 1 && total !== undefined && total !== tensors.size)
      throw new BumpError(
        'model-unusable',
        `${path}: the ${count} shards have ${tensors.size} tensors, ${total} are needed. Download them again.`,
      )
    return { metadata: shards[0].gguf.metadata, tensors, close }
  } catch (error) {
    close()
    throw error
  }
}
