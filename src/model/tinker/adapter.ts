// A trained adapter as a Tinker server packs it (tar and gzip), written as a folder of PEFT.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { parseJson } from '../../util/parse-json.ts'

const [CONFIG, WEIGHTS] = ['adapter_config.json', 'adapter_model.safetensors']
/** Of the unpacked archive. */
const MOST_BYTES = 2 ** 31 - 1
const BLOCK = 512

/**
 * Writes adapter_model.safetensors and, last, adapter_config.json. Servers leave out which modules the adapter is of,
 * and PEFT then takes two of seven without a word: they are read from the tensors' names.
 * @throws BumpError `server-failed` where the archive is damaged or holds no adapter
 */
export function writeAdapter(folder: string, archive: Uint8Array, baseModel: string): void {
  const files = unpacked(archive)
  const [config, weights] = [CONFIG, WEIGHTS].map((name) => files.get(name))
  if (config === undefined || weights === undefined)
    throw damaged(`holds ${[...files.keys()].slice(0, 5).join(', ') || 'no file'}, not ${CONFIG} and ${WEIGHTS}`)
  const fields = configSchema.safeParse(parsed(config, CONFIG))
  if (!fields.success) throw damaged(`has an ${CONFIG} without rank and alpha`)
  const json = {
    ...fields.data,
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    target_modules: targetModules(weights),
  }
  mkdirSync(folder, { recursive: true })
  writeFileAtomic(join(folder, WEIGHTS), weights)
  writeFileAtomic(join(folder, CONFIG), `${JSON.stringify(json, undefined, 2)}\n`)
}

const configSchema = z.looseObject({ r: z.int().positive(), lora_alpha: z.number().positive() })

/** `q_proj` of `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`, of all tensors, in order. */
function targetModules(safetensors: Uint8Array): string[] {
  const view = new DataView(safetensors.buffer, safetensors.byteOffset, safetensors.byteLength)
  const length = safetensors.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true))
  if (!(length <= safetensors.length - 8)) throw damaged(`has an ${WEIGHTS} without a header`)
  const header = z.record(z.string(), z.unknown()).safeParse(parsed(safetensors.subarray(8, 8 + length), WEIGHTS))
  const names = Object.keys(header.data ?? {}).flatMap((name) => /([^.]+)\.lora_[AB]\.weight$/.exec(name)?.[1] ?? [])
  if (names.length === 0) throw damaged(`has an ${WEIGHTS} without tensors of an adapter`)
  return [...new Set(names)]
}

/** The regular files of a packed archive by the last part of their names. */
function unpacked(archive: Uint8Array): Map<string, Uint8Array> {
  let tar: Buffer
  try {
    tar = gunzipSync(archive, { maxOutputLength: MOST_BYTES })
  } catch (cause) {
    throw damaged(`cannot be unpacked (${(cause as Error).message})`, cause)
  }
  const files = new Map<string, Uint8Array>()
  // A header of 512 bytes, the content filled up to whole blocks, and so on; a header of zeros ends it.
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + BLOCK)
    const text = (from: number, to: number) => header.toString('utf8', from, to).replace(/\0.*$/s, '')
    const size = Number.parseInt(text(124, 136), 8)
    at += BLOCK
    if (!(size >= 0 && at + size <= tar.length)) throw damaged('ends in the middle of a file')
    const kind = text(156, 157)
    const name = text(0, 100).split('/').at(-1)
    if ((kind === '0' || kind === '') && name) files.set(name, tar.subarray(at, at + size))
    at += Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

function parsed(json: Uint8Array, name: string): unknown {
  try {
    return parseJson(new TextDecoder().decode(json))
  } catch (cause) {
    throw damaged(`has a damaged ${name}`, cause)
  }
}

const damaged = (what: string, cause?: unknown) =>
  new BumpError('server-failed', `the archive of the adapter, as the server sends it, ${what}`, { cause })
