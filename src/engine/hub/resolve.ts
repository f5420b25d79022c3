// From what a user names to a folder or file on the disk: a local path as it is, a hub name downloaded into the cache.
// A complete download is used again without asking the hub, so that runs repeat and work offline.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { ByteProgress, type OnLine } from '../../util/byte-progress.ts'
import { requireSpace } from '../../util/disk-space.ts'
import { BumpError } from '../../util/errors.ts'
import { cacheFolder, sha256, writeFileAtomic } from '../../util/files.ts'
import { ONNX_FILES } from '../../util/onnx-files.ts'
import { shardNames } from '../../util/shard-names.ts'
import { webFetch } from '../../util/web-fetch.ts'
import { DEFAULT_ENDPOINT, type Hub, type HubFile, type HubName, listFiles } from './client.ts'
import { downloadFile } from './download.ts'

export interface ResolveOptions {
  /**
   * A sentence encoder has other files than a language model, which is the default; of a tokenizer's model no weights are
   * downloaded.
   */
  kind?: 'encoder' | 'tokenizer'
  /** Gets lines with percentage and time left while files are downloaded. */
  onProgress?: OnLine
  /** Sees the folder once config.json lies in it, before weights are downloaded; may throw. */
  checkConfig?: (folder: string) => void
  /** Sees a file with the first bytes of the .gguf of a name, before the others are downloaded; may throw. */
  checkStart?: (path: string, name: string) => void
  /** Ends a download with a CancelledError; what has come stays, and the next one goes on. */
  signal?: AbortSignal
  /** Default: $HF_ENDPOINT, or the Hugging Face hub. */
  endpoint?: string
  fetch?: typeof fetch
}

const CONFIG = 'config.json'
const COMPANIONS = new Set([
  CONFIG,
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'generation_config.json',
  'special_tokens_map.json',
  'model.safetensors.index.json',
])
const ENCODER_FILES = new Set([
  CONFIG,
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'modules.json',
  '1_Pooling/config.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  'model.safetensors.index.json',
])
const WEIGHTS = /^model(-\d+-of-\d+)?\.safetensors$/

const SEGMENT = '[A-Za-z0-9][A-Za-z0-9._-]*'
const HUB_NAME = new RegExp(
  `^(${SEGMENT}/${SEGMENT})(?:/((?:${SEGMENT}/)*${SEGMENT}\\.gguf))?(?:@([A-Za-z0-9][\\w./-]*))?$`,
  'i',
)

/** `owner/name`, `owner/name/file.gguf`, either with `@revision`; undefined for anything else. */
export function parseHubName(model: string): HubName | undefined {
  const match = HUB_NAME.exec(model)
  if (match === null) return undefined
  const [, repo, file, revision = 'main'] = match
  return { repo, revision, ...(file && { file }) }
}

/**
 * What an adapter of the model names as its base: the hub name where it was given one, so that others find it, too;
 * undefined for a folder or file.
 */
export function hubBase(model: string): { name: string; revision?: string } | undefined {
  const hub = existsSync(model) ? undefined : parseHubName(model)
  if (hub === undefined) return undefined
  const { repo, file, revision } = hub
  return { name: file === undefined ? repo : `${repo}/${file}`, ...(revision !== 'main' && { revision }) }
}

/** The files of an encoder: its settings, and its ONNX file where it has one, else its safetensors. */
function encoderFiles({ repo }: HubName, files: HubFile[]): HubFile[] {
  const onnx = ONNX_FILES.find((path) => files.some((file) => file.path === path))
  const wanted = files.filter(({ path }) => ENCODER_FILES.has(path) || (onnx ? path === onnx : WEIGHTS.test(path)))
  const has = (path: string) => wanted.some((file) => file.path === path)
  if (!has(CONFIG) || !has('tokenizer.json') || !wanted.some(({ path }) => path === onnx || WEIGHTS.test(path)))
    throw new BumpError(
      'download-failed',
      `${repo}: has no config.json and tokenizer.json with onnx/model.onnx or model.safetensors. Use another encoder, such ` +
        'as BAAI/bge-small-en-v1.5.',
    )
  return wanted.sort((a, b) => Number(b.path === CONFIG) - Number(a.path === CONFIG))
}

/** The files of a tokenizer, and what the model says of itself. */
function tokenizerFiles({ repo }: HubName, files: HubFile[]): HubFile[] {
  const wanted = files.filter(({ path }) => COMPANIONS.has(path) && !path.endsWith('.index.json'))
  if (wanted.some(({ path }) => path === 'tokenizer.json')) return wanted
  throw new BumpError('download-failed', `${repo}: has no tokenizer.json. Use a model that comes with one.`)
}

/** The files to download for a name, of those that the repository holds. */
function wantedFiles(name: HubName, files: HubFile[]): HubFile[] {
  const ggufs = files
    .map((file) => file.path)
    .filter((path) => path.toLowerCase().endsWith('.gguf') && shardNames(path)[0] === path)
  const ggufList =
    ggufs.length > 0 ? ` It holds ${ggufs.slice(0, 8).join(', ')}: name one, as ${name.repo}/${ggufs[0]}.` : ''
  if (name.file !== undefined) {
    const { repo, file } = name
    return shardNames(file).map((path) => {
      const found = files.find((file) => file.path === path)
      if (found !== undefined) return found
      const shard = path === file ? '' : `, of which ${file} is a shard`
      throw new BumpError('download-failed', `${repo}: has no file ${path}${shard}.${ggufList}`)
    })
  }
  const wanted = files.filter((file) => COMPANIONS.has(file.path) || WEIGHTS.test(file.path))
  const has = (path: string) => wanted.some((file) => file.path === path)
  if (!has(CONFIG) || !wanted.some((file) => WEIGHTS.test(file.path)))
    throw new BumpError(
      'download-failed',
      `${name.repo}: has no config.json with model.safetensors.${ggufList || ' Use a model in safetensors or GGUF format.'}`,
    )
  if (!has('tokenizer.json'))
    throw new BumpError(
      'download-failed',
      `${name.repo}: has no tokenizer.json. Use a model that comes with one, or a GGUF file.`,
    )
  const single = has('model.safetensors')
  return wanted
    .filter((file) => !single || (!/-of-/.test(file.path) && file.path !== 'model.safetensors.index.json'))
    .sort((a, b) => Number(b.path === CONFIG) - Number(a.path === CONFIG))
}

const recordSchema = z.object({
  commit: z.string(),
  files: z.array(z.object({ path: z.string(), size: z.number() })),
})

/** Where a name's model lies once it is downloaded. */
const modelPath = (folder: string, name: HubName, commit: string) =>
  join(folder, commit, ...(name.file === undefined ? [] : [name.file]))

/** The model of an earlier complete download whose files are all still there. */
function cached(folder: string, recordPath: string, name: HubName): string | undefined {
  try {
    const { commit, files } = recordSchema.parse(JSON.parse(readFileSync(recordPath, 'utf8')))
    const whole = files.every(({ path, size }) => statSync(join(folder, commit, path)).size === size)
    return whole ? modelPath(folder, name, commit) : undefined
  } catch {
    return undefined
  }
}

/** Bytes of a GGUF file within which its family stands: it is the first entry of its metadata. */
const START = 1 << 16

/** Prepared weights have 32 bits, published ones at most that, mostly 16. */
const PREPARED = 2

/**
 * Bytes that a download will still write: what is there, whole or in part, is not written again.
 * @param folder where the files will lie
 */
export function bytesToCome(files: readonly HubFile[], folder: string): number {
  const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0)
  return files.reduce((sum, { path, size }) => {
    const there = Math.max(sizeOf(join(folder, path)), sizeOf(join(folder, `${path}.partial`)))
    return sum + (there > size ? size : size - there)
  }, 0)
}

/** Bytes of the flat file that the weights among `files` will be prepared as. */
function preparedBytes(files: readonly HubFile[], weights: number | undefined): number {
  const size = files.reduce((sum, file) => (/\.(safetensors|gguf)$/i.test(file.path) ? sum + file.size : sum), 0)
  return weights === undefined ? size * PREPARED : weights * 4
}

const isOn = (value: string | undefined) => /^(1|true|yes|on)$/i.test(value ?? '')

/**
 * Absolute path of a model: an existing folder or .gguf file as it is; otherwise a hub name (`owner/name`,
 * `owner/name/file.gguf`, with `@revision`) downloaded into the cache. Respects HF_TOKEN, HF_ENDPOINT and
 * HF_HUB_OFFLINE. Throws a BumpError that says what was tried and what to do.
 */
export async function resolveModel(model: string, options: ResolveOptions = {}): Promise<string> {
  if (existsSync(model)) {
    if (options.kind === 'encoder' && statSync(model).isFile())
      throw new BumpError('model-unusable', `${model}: is a file. Name the Hugging Face folder of an encoder.`)
    if (statSync(model).isFile() && !model.toLowerCase().endsWith('.gguf'))
      throw new BumpError(
        'model-unusable',
        `${model}: is a file but not a .gguf. Name a Hugging Face folder or a .gguf file.`,
      )
    return resolve(model)
  }
  const name = parseHubName(model)
  if (options.kind === 'encoder' && name?.file !== undefined)
    throw new BumpError('model-unusable', `${model}: is a .gguf file. Name the repository or folder of an encoder.`)
  if (name === undefined)
    throw new BumpError(
      'model-unusable',
      `"${model}": there is no such folder or file (looked for ${resolve(model)}), and it is not a hub name like ` +
        'owner/name, owner/name/file.gguf or owner/name@revision. Check the path or the name.',
    )
  const endpoint = (options.endpoint ?? (process.env.HF_ENDPOINT || DEFAULT_ENDPOINT)).replace(/\/+$/, '')
  const hub: Hub = { endpoint, token: process.env.HF_TOKEN || undefined, fetch: options.fetch ?? webFetch }
  const folder = cacheFolder('hub', sha256(endpoint).slice(0, 8), name.repo.replace('/', '--'))
  const { kind } = options
  // A tokenizer in a file comes with the whole file, and so does one of a model that is there.
  const partial = kind === 'tokenizer' && name.file !== undefined ? undefined : kind
  const recordOf = (part: typeof kind) => {
    const what = JSON.stringify(part ? [name.revision, part] : [name.revision, name.file])
    return join(folder, 'complete', `${sha256(what).slice(0, 16)}.json`)
  }
  const recordPath = recordOf(partial)
  const whole = partial === 'tokenizer' ? cached(folder, recordOf(undefined), name) : undefined
  const earlier = whole ?? cached(folder, recordPath, name)
  if (earlier !== undefined) return resolve(earlier)
  if (isOn(process.env.HF_HUB_OFFLINE))
    throw new BumpError(
      'download-failed',
      `${model}: is no local folder or file (looked for ${resolve(model)}), is not complete in the cache (${folder}), ` +
        'and HF_HUB_OFFLINE forbids to download it. Unset it, or name the folder of a downloaded model.',
    )

  options.onProgress?.(`looking for ${model} at ${endpoint}`)
  const { commit, files, weights } = await listFiles(hub, name)
  const chosen = { encoder: encoderFiles, tokenizer: tokenizerFiles, model: wantedFiles }[partial ?? 'model']
  const wanted = chosen(name, files)
  const total = wanted.reduce((sum, file) => sum + file.size, 0)
  const progress = new ByteProgress(`downloading ${name.repo}`, total, options.onProgress)
  const space = bytesToCome(wanted, join(folder, commit)) + (kind ? 0 : preparedBytes(wanted, weights))
  requireSpace(cacheFolder(), space, 'the model (its download and the weights prepared from it)')
  let before = 0
  for (const file of wanted) {
    const target = join(folder, commit, file.path)
    // The first shard says what all of them are.
    let unchecked = name.file !== undefined && file === wanted[0]
    const tell = (bytes: number) => {
      if (unchecked && bytes >= Math.min(START, file.size)) {
        unchecked = false
        options.checkStart?.(existsSync(target) ? target : `${target}.partial`, `${name.repo}/${file.path}`)
      }
      progress.update(before + bytes, ` (${file.path})`)
    }
    await downloadFile(hub, name, commit, file, target, tell, options.signal)
    if (file.path === CONFIG) options.checkConfig?.(join(folder, commit))
    before += file.size
  }
  const record = { name: model, commit, files: wanted.map(({ path, size }) => ({ path, size })) }
  writeFileAtomic(recordPath, JSON.stringify(record))
  return resolve(modelPath(folder, name, commit))
}
