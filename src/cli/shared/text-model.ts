// A task backbone opened for use: a model on the embedded engine, with an adapter or without, or a server's.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { openModel } from '../../model/onnx/open.ts'
import { openOpenAi } from '../../model/openai/open.ts'
import { textModel } from '../../model/text-from-tokens.ts'
import type { TextModel } from '../../model/text-model.ts'
import { readRunHeader } from '../../run/read.ts'
import { BumpError } from '../../util/errors.ts'
import { type EngineFlags, engineOptions } from './engine-flags.ts'
import { positiveInteger } from './flag-values.ts'

export interface TextModelFlags extends EngineFlags {
  backbone: string
  backboneModel?: string
  backboneContext?: number
  backboneConcurrency?: number
  backboneTimeout?: number
  adapter?: string
}

export interface OpenTextModel {
  model: TextModel
  close(): Promise<void>
}

/** Adds --backbone and what belongs to it. */
export function addTextModelFlags(command: Command): Command {
  return command
    .requiredOption(
      '--backbone <where>',
      'model that does the task: a Hugging Face folder, a .gguf file, a hub name, or the http(s) address of an OpenAI-compatible API (key in OPENAI_API_KEY)',
    )
    .option('--adapter <folder>', 'on the backbone: a run folder of bump sft, or a PEFT LoRA adapter')
    .option('--backbone-model <name>', "name of the model on --backbone's server")
    .option('--backbone-context <tokens>', 'context of the model on the server (default: 8192)', positiveInteger)
    .option('--backbone-concurrency <count>', 'requests to the server at a time (default: 8)', positiveInteger)
    .option(
      '--backbone-timeout <seconds>',
      'seconds that the server may take for an answer (default: 240)',
      positiveInteger,
    )
}

/** True for what --backbone names a server by. */
export function isServer(backbone: string): boolean {
  return /^https?:/i.test(backbone)
}

/**
 * Opens what --backbone names; the caller closes it. Throws BumpError where flags do not belong together, the model or
 * the adapter cannot be opened, or the adapter was trained on another model.
 */
export async function openTextModel(flags: TextModelFlags, onProgress: (line: string) => void): Promise<OpenTextModel> {
  if (isServer(flags.backbone)) return { model: openServer(flags, onProgress), close: async () => {} }
  for (const [flag, value] of [
    ['--backbone-model', flags.backboneModel],
    ['--backbone-context', flags.backboneContext],
    ['--backbone-concurrency', flags.backboneConcurrency],
    ['--backbone-timeout', flags.backboneTimeout],
  ])
    if (value !== undefined)
      throw new BumpError(
        'invalid-options',
        `${flag} belongs to a server's model, but --backbone ${flags.backbone} is no http(s) address`,
      )
  const adapter = flags.adapter === undefined ? undefined : adapterOf(flags.adapter)
  const language = await openModel(flags.backbone, { ...engineOptions(flags), onProgress })
  try {
    const close = () => language.close()
    if (adapter === undefined) {
      const identity = language.info.digest
      return { model: textModel(language, { weights: 'base', identity }), close }
    }
    if (adapter.base !== undefined && adapter.base !== language.info.digest)
      throw new BumpError(
        'invalid-options',
        `${flags.adapter} was trained on another model than --backbone ${flags.backbone}: name the one that its config.json names.`,
      )
    await language.loadPolicy(adapter.folder)
    const identity = await language.policyDigest()
    onProgress(`${flags.backbone} with the adapter in ${adapter.folder}`)
    const model = textModel(language, { weights: 'policy', identity })
    return { model: { ...model, name: `${model.name} + ${flags.adapter}` }, close }
  } catch (error) {
    await language.close()
    throw error
  }
}

function openServer(flags: TextModelFlags, onNote: (line: string) => void): TextModel {
  if (flags.backboneModel === undefined)
    throw new BumpError('invalid-options', '--backbone-model is required with a server: the name of the model on it')
  if (flags.adapter !== undefined)
    throw new BumpError(
      'invalid-options',
      '--adapter does not go with a server: load the adapter there, and name it by --backbone-model',
    )
  return openOpenAi({
    baseUrl: flags.backbone,
    model: flags.backboneModel,
    contextLength: flags.backboneContext,
    concurrency: flags.backboneConcurrency,
    timeout: flags.backboneTimeout,
    onNote,
  })
}

/**
 * Folder of an adapter, and the digest of the model that it belongs to, where its run says so. Throws BumpError where
 * there is none.
 */
export function adapterOf(where: string): { folder: string; base?: string } {
  if (existsSync(join(where, 'adapter_config.json'))) return { folder: where }
  const folder = join(where, 'adapter')
  if (existsSync(join(folder, 'adapter_config.json'))) {
    const { digest } = readRunHeader(where).model ?? {}
    return { folder, base: typeof digest === 'string' ? digest : undefined }
  }
  if (existsSync(join(where, 'config.json')) && existsSync(join(where, 'checkpoints')))
    throw new BumpError(
      'run-unusable',
      `${where} has no adapter: only a finished run of bump sft has one. Go on with it by --resume.`,
    )
  throw new BumpError(
    'run-unusable',
    `${where} is neither a run folder of bump sft (there is no adapter/adapter_config.json) nor a PEFT adapter (there is no adapter_config.json)`,
  )
}
