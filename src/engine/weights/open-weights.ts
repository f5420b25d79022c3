// Opens model weights: a Hugging Face folder or a GGUF file is converted once into the flat f32 file of types.ts, in
// the cache, and reused from then on. The digest is taken of the converted content, so that it does not depend on where
// the weights lay or how they were split into files.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ByteProgress, type OnLine } from '../../util/byte-progress.ts'
import { requireSpace } from '../../util/disk-space.ts'
import { BumpError } from '../../util/errors.ts'
import { cacheFolder, sha256, writeFileAtomic } from '../../util/files.ts'
import { shardNames } from '../../util/shard-names.ts'
import { discard, writeAllBeside, writeProblem } from '../../util/writing.ts'
import { type ModelConfig, weightShapes } from '../model/config.ts'
import { BinaryFile, readRange } from './binary-file.ts'
import { recordDigest, recordedDigest } from './cached-file.ts'
import { ContentHash, converted, piecesOf } from './convert.ts'
import { configOf, isGguf, openSource } from './open-source.ts'
import { safetensorsFiles } from './safetensors.ts'
import type { WeightSource } from './source.ts'
import type { TensorRange, WeightStore } from './types.ts'

const ALIGNMENT = 65536
/** Bytes hashed at once. */
const SLAB = 1 << 24
/** Changed whenever the conversion gives other bytes than before. */
const LAYOUT = 1
/** A conversion that is under way writes all the time. */
const STALE_MS = 3600 * 1000

export interface OpenWeightsOptions {
  /** Gets a line now and then while weights are converted. */
  onProgress?: OnLine
}

/** Offsets of all tensors in the flat file, in canonical order, and its length. */
export function flatLayout(config: ModelConfig): { tensors: Map<string, TensorRange>; bytes: number } {
  const tensors = new Map<string, TensorRange>()
  let end = 0
  for (const [name, dims] of weightShapes(config)) {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    const length = dims.reduce((product, dim) => product * dim, 4)
    tensors.set(name, { dims, offset, length })
    end = offset + length
  }
  return { tensors, bytes: Math.ceil(end / ALIGNMENT) * ALIGNMENT }
}

/** A weight file is taken as unchanged while path, size, time and inode are: that saves hashing gigabytes each time. */
function sourceKey(path: string, config: ModelConfig): string {
  const files = isGguf(path) ? shardNames(path).filter((file) => existsSync(file)) : safetensorsFiles(path)
  const facts = files.map((path) => {
    const stat = statSync(path, { bigint: true })
    return [resolve(path), stat.size, stat.mtimeNs, stat.ino].join(' ')
  })
  return sha256(JSON.stringify([LAYOUT, config, facts]))
}

/**
 * SHA-256 over the configuration and the content of a flat file: what `convert` gave when it wrote it, and all that
 * the engine maps of it. Throws where the file is not that long.
 */
function digestOf(
  path: string,
  config: ModelConfig,
  tensors: Map<string, TensorRange>,
  progress: ByteProgress,
): string {
  const hash = createHash('sha256').update(JSON.stringify(config))
  const file = new BinaryFile(path)
  try {
    for (const [name, { dims, offset, length }] of tensors) {
      hash.update(`${name}[${dims}]`)
      for (let from = 0; from < length; from += SLAB) {
        hash.update(file.read(offset + from, Math.min(SLAB, length - from)))
        progress.update(offset + from)
      }
    }
  } finally {
    file.close()
  }
  return hash.digest('hex')
}

/** Removes what conversions that were killed have left behind. */
function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (
      name.endsWith('.converting') &&
      Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > STALE_MS
    )
      rmSync(path, { force: true })
  }
}

/** Writes the flat file and gives the SHA-256 of configuration and content: each piece is hashed while it is written. */
async function convert(
  model: string,
  source: WeightSource,
  path: string,
  tensors: Map<string, TensorRange>,
  bytes: number,
  onProgress?: OnLine,
): Promise<string> {
  const hash = new ContentHash(source.config)
  const progress = new ByteProgress('preparing weights', bytes, onProgress)
  const file = await open(path, 'wx')
  try {
    await file.truncate(bytes)
    for await (const [piece, values] of converted(model, source, piecesOf(tensors))) {
      const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      const written = writeAllBeside(file, content, piece.offset)
      hash.add(piece, values)
      await written
      progress.update(piece.offset + content.length)
    }
    progress.update(bytes)
  } finally {
    await file.close()
  }
  return hash.digest()
}

/** A file that is made of a model's weights. */
interface Preparation {
  /** Its name, in the folder of the weights' digest. */
  name: string
  /** How its bytes come from the weights: one that was made in another way does not count. */
  content: string
  bytes: number
  /** Writes it and gives the digest of the exact weights. */
  write(source: WeightSource, path: string): Promise<string>
  /** The digest of the exact weights that a file was made of; another text where it is damaged. */
  digestOf(path: string): string
  /** Is called when it lies in its place. */
  written?(path: string): void
  onProgress?: OnLine
}

/**
 * A file that is made of the weights of the model at `path` the first time and found again from then on, with the
 * digest of the exact weights. Throws a BumpError as openWeights does.
 */
export async function preparedOnce(
  path: string,
  config: ModelConfig,
  { name, content, bytes, write, digestOf, written, onProgress }: Preparation,
): Promise<{ file: string; digest: string }> {
  const folder = cacheFolder('weights')
  const record = { path: join(folder, 'sources', `${sourceKey(path, config)}.${name}.json`), content }
  const fileOf = (digest: string) => resolve(folder, digest, name)
  const known = recordedDigest(record, fileOf, digestOf)
  if (known !== undefined) return { file: fileOf(known), digest: known }
  const source = openSource(path)
  const converting = join(folder, `${randomUUID()}.converting`)
  try {
    mkdirSync(folder, { recursive: true })
    removeStale(folder)
    requireSpace(folder, bytes, `preparing the weights of ${path}`)
    onProgress?.(`preparing weights of ${path} (once, ${Math.ceil(bytes / 1e6)} MB in ${folder})`)
    const digest = await write(source, converting)
    const file = fileOf(digest)
    mkdirSync(dirname(file), { recursive: true })
    if (!existsSync(file) || digestOf(file) !== digest) {
      renameSync(converting, file)
      written?.(file)
    }
    recordDigest(record, file, digest)
    return { file, digest }
  } catch (error) {
    throw cacheProblem(folder, error)
  } finally {
    discard(converting)
    source.close()
  }
}

/**
 * Opens the weights of a Hugging Face folder or a .gguf file, converting them into the cache the first time.
 * Throws a BumpError where files are damaged, tensors are missing, unexpected or of the wrong shape, the model family
 * is unsupported, or the cache cannot be written.
 */
export async function openWeights(path: string, { onProgress }: OpenWeightsOptions = {}): Promise<WeightStore> {
  const config = configOf(path)
  const { tensors, bytes } = flatLayout(config)
  const { file, digest } = await preparedOnce(path, config, {
    name: 'weights.f32',
    content: `layout ${LAYOUT}`,
    bytes,
    write: (source, to) => convert(path, source, to, tensors, bytes, onProgress),
    digestOf(file) {
      if (statSync(file).size !== bytes) return ''
      onProgress?.(`checking the prepared weights in ${dirname(file)} (${Math.ceil(bytes / 1e6)} MB)`)
      return digestOf(file, config, tensors, new ByteProgress('checking weights', bytes, onProgress))
    },
    written: (file) =>
      writeFileAtomic(
        join(dirname(file), 'index.json'),
        JSON.stringify({ layout: LAYOUT, config, tensors: Object.fromEntries(tensors) }),
      ),
    onProgress,
  })
  return store(config, file, tensors, digest)
}

function cacheProblem(folder: string, error: unknown): unknown {
  const problem = writeProblem(folder, error)
  if (problem === error || !(problem instanceof BumpError)) return error
  return new BumpError(
    'model-unusable',
    `${problem.message} The cache's place can be set by the environment variable BUMP_CACHE.`,
    {
      cause: error,
    },
  )
}

function store(config: ModelConfig, file: string, tensors: Map<string, TensorRange>, digest: string): WeightStore {
  return {
    config,
    file,
    tensors,
    digest,
    read(name) {
      const range = tensors.get(name)
      if (range === undefined) throw new Error(`there is no weight "${name}"`)
      const values = new Float32Array(range.length / 4)
      readRange(file, range, new Uint8Array(values.buffer))
      return values
    },
  }
}
