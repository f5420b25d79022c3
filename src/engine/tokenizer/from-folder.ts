// Reads the tokenizer of a Hugging Face folder: tokenizer.json, and beside it (all optional) tokenizer_config.json,
// special_tokens_map.json, generation_config.json, config.json and chat_template.jinja. Next: text-tokenizer.ts.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BumpError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import { asRecord, checkRows, checkTokenizerJson } from './tokenizer-json.ts'
import type { Component, TokenizerJson, TokenizerSource } from './types.ts'

/**
 * The tokenizer of a Hugging Face folder.
 * @throws BumpError for a missing tokenizer.json and for files that are not what they should be, naming the file.
 */
export function tokenizerFromFolder(folder: string): TokenizerSource {
  const file = join(folder, 'tokenizer.json')
  if (!existsSync(file))
    throw new BumpError(
      'model-unusable',
      `${file}: does not exist. A model folder needs tokenizer.json; older models without one are given it by ` +
        'AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python.',
    )
  const json = checkTokenizerJson(jsonOf(readText(file), file), file)
  const settings = readSettings(join(folder, 'tokenizer_config.json'))
  const map = readSettings(join(folder, 'special_tokens_map.json'))
  const generation = readSettings(join(folder, 'generation_config.json'))
  const config = readSettings(join(folder, 'config.json'))
  if (typeof config.vocab_size === 'number') checkRows(json, config.vocab_size, file)

  const texts = idToText(json)
  const bos = tokenText(settings.bos_token) ?? tokenText(map.bos_token) ?? texts.get(ids(config.bos_token_id)[0])
  const eos = tokenText(settings.eos_token) ?? tokenText(map.eos_token)
  const eosIds = [...ids(generation.eos_token_id), ...ids(config.eos_token_id)]
  for (const [id, text] of texts) if (text === eos) eosIds.push(id)

  const leading = leadingToken(json.post_processor)
  const addBos = typeof settings.add_bos_token === 'boolean' ? settings.add_bos_token : leading !== undefined
  const templateFile = join(folder, 'chat_template.jinja')
  const ownFile = existsSync(templateFile)
  return {
    file,
    json,
    bos: bos ?? leading,
    eos: eos ?? texts.get(eosIds[0]),
    addBos: addBos && (bos ?? leading) !== undefined,
    eosIds,
    chatTemplate: ownFile ? readText(templateFile) : defaultTemplate(settings.chat_template),
    chatTemplateFile: ownFile ? templateFile : join(folder, 'tokenizer_config.json'),
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BumpError(
      'model-unusable',
      `${file}: cannot be read: ${error instanceof Error ? error.message : error}.`,
      { cause: error },
    )
  }
}

function jsonOf(text: string, file: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new BumpError(
      'model-unusable',
      `${file}: is not valid JSON: ${error instanceof Error ? error.message : error}. Download or convert the model again.`,
      { cause: error },
    )
  }
}

/** An optional file of settings; empty where it does not exist. */
function readSettings(file: string): Record<string, unknown> {
  if (!existsSync(file)) return {}
  const settings = asRecord(jsonOf(readText(file), file))
  if (!settings)
    throw new BumpError('model-unusable', `${file}: is not a JSON object. Download or convert the model again.`)
  return settings
}

/** Settings name a token by its text or by an object with its `content`. */
function tokenText(setting: unknown): string | undefined {
  const text = asRecord(setting)?.content ?? setting
  return typeof text === 'string' ? text : undefined
}

/** One id or a list of them. */
function ids(setting: unknown): number[] {
  const list: unknown[] = Array.isArray(setting) ? setting : [setting]
  return list.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0)
}

function idToText(json: TokenizerJson): Map<number, string> {
  const texts = new Map<number, string>()
  for (const [text, id] of Object.entries(json.model.vocab)) texts.set(id, text)
  for (const { id, content } of json.added_tokens) texts.set(id, content)
  return texts
}

/** Text of the special token that the post-processor puts before a text. */
function leadingToken(processor: Component | null): string | undefined {
  if (processor?.type === 'Sequence' && Array.isArray(processor.processors))
    for (const part of processor.processors) {
      const record = asRecord(part)
      const text = record && leadingToken({ ...record, type: String(record.type) })
      if (text !== undefined) return text
    }
  if (processor?.type !== 'TemplateProcessing' || !Array.isArray(processor.single)) return undefined
  const first = asRecord(asRecord(processor.single[0])?.SpecialToken)
  return typeof first?.id === 'string' ? first.id : undefined
}

/** `chat_template` is a text or a list of named ones, of which "default" is for conversations. */
function defaultTemplate(setting: unknown): string | undefined {
  if (typeof setting === 'string') return setting
  if (!Array.isArray(setting)) return undefined
  const entry = setting.map(asRecord).find((e) => e?.name === 'default')
  return typeof entry?.template === 'string' ? entry.template : undefined
}
