// A task backbone opened for use: a model on the embedded engine, with an adapter or without, or a server's.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { QUANTIZE, type Quantize } from '../../model/contract.ts'
import { openModel } from '../../model/onnx/open.ts'
import { textModel } from '../../model/text-from-tokens.ts'
import type { TextModel } from '../../model/text-model.ts'
import { readRunHeader } from '../../run/read.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { BumpError } from '../../util/errors.ts'
import { type EngineFlags, engineOptions } from './engine-flags.ts'
import { addServerFlags, type ServerFlags, serverOf, tellSpent } from './server-flags.ts'

export interface TextModelFlags extends EngineFlags, ServerFlags {
  backbone?: string
  adapter?: string
  quantize?: Quantize
}

export interface OpenTextModel {
  model: TextModel
  close(): Promise<void>
}

/** Adds --backbone, --server and what belongs to them. */
export function addTextModelFlags(command: Command): Command {
  command
    .option('--backbone <where>', 'model that does the task: a Hugging Face folder, a .gguf file or a hub name')
    .option('--adapter <folder>', 'on the backbone: a run folder of bump sft, or a PEFT LoRA adapter')
    .addOption(
      new Option(
        '--quantize <integers>',
        'integers that its matrices are read in (default: none, exact; int8 as for an adapter trained with precision int8)',
      ).choices(QUANTIZE),
    )
  return addServerFlags(command, 'model on a server that does the task instead')
}

/**
 * Opens what --backbone or --server names; the caller closes it. Throws BumpError where flags do not belong together,
 * the model or the adapter cannot be opened, or the adapter was trained on another model.
 */
export async function openTextModel(
  flags: TextModelFlags,
  onProgress: OnLine,
  signal?: AbortSignal,
): Promise<OpenTextModel> {
  const { backbone } = flags
  const server = serverOf(flags, onProgress)
  if ((backbone === undefined) === (server === undefined))
    throw new BumpError('invalid-options', 'give either --backbone (a model on this machine) or --server')
  if (server !== undefined) {
    if (flags.quantize !== undefined)
      throw new BumpError(
        'invalid-options',
        '--quantize is of models on this machine: a server decides how it reads weights',
      )
    if (flags.adapter === undefined) return { model: server, close: async () => tellSpent(server, onProgress) }
    throw new BumpError(
      'invalid-options',
      '--adapter does not go with a server: load the adapter there, and name it by --server-model',
    )
  }
  const { quantize = 'none' } = flags
  const adapter = flags.adapter === undefined ? undefined : adapterOf(flags.adapter, quantize)
  const language = await openModel(backbone!, { quantize, ...engineOptions(flags), onProgress, signal })
  try {
    const close = () => language.close()
    if (adapter === undefined) {
      const identity = language.info.digest
      return { model: textModel(language, { weights: 'base', identity }), close }
    }
    if (adapter.base !== undefined && adapter.base !== language.info.digest)
      throw new BumpError(
        'invalid-options',
        `${flags.adapter} was trained on another model than --backbone ${backbone}: name the one that its config.json names.`,
      )
    await language.loadPolicy(adapter.folder)
    const identity = await language.policyDigest()
    onProgress(`${backbone} with the adapter in ${adapter.folder}`)
    const model = textModel(language, { weights: 'policy', identity })
    return { model: { ...model, name: `${model.name} + ${flags.adapter}` }, close }
  } catch (error) {
    await language.close()
    throw error
  }
}

/**
 * Folder of an adapter, and where its run says so the digest of the model that it belongs to. Throws BumpError where
 * there is none, or its run computed the base otherwise than `quantize` would.
 */
export function adapterOf(where: string, quantize: Quantize = 'none'): { folder: string; base?: string } {
  if (existsSync(join(where, 'adapter_config.json'))) return { folder: where }
  const folder = join(where, 'adapter')
  if (existsSync(join(folder, 'adapter_config.json'))) {
    const { config, model } = readRunHeader(where)
    const { digest, server } = model ?? {}
    // A server does not say what its weights are.
    if (typeof digest !== 'string' || server) return { folder }
    const [trained, needed] = config.precision === 'int8' ? (['int8', 'int8'] as const) : (['f32', 'none'] as const)
    if (needed !== quantize)
      throw new BumpError(
        'invalid-options',
        `${where} was trained with precision ${trained}: answer with --quantize ${needed}, in all rows`,
      )
    return { folder, base: digest }
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
