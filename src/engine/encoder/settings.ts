// What a sentence encoder's folder says of itself, in the files of sentence-transformers: modules.json, the pooling's
// config.json, sentence_bert_config.json and config_sentence_transformers.json beside the model's own config.json.
// Everything that would change a vector and is not implemented is refused by name.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { POOLINGS, type Pooling, type TextRole } from '../../model/encoder.ts'
import { BumpError } from '../../util/errors.ts'
import { ONNX_FILES } from '../../util/onnx-files.ts'
import { Fields, isObject } from '../weights/fields.ts'
import { readJson } from '../weights/hf-config.ts'

/** The shape of a BERT. */
export interface BertShape {
  hidden: number
  layers: number
  heads: number
  intermediate: number
  vocab: number
  positions: number
  /** Kinds of sentences that its table tells apart; texts are all of the first. */
  types: number
  epsilon: number
}

export interface EncoderSettings {
  shape: BertShape
  pooling: Pooling
  /** Tokens at once, special ones included. */
  maxTokens: number
  /** Texts are written in small letters before they are tokenised. */
  lowercase: boolean
  prefixes: Record<TextRole, string>
  /** The ONNX file, or undefined where the folder has safetensors alone. */
  onnx: string | undefined
}

/** Prefixes that are on a model's card and not in its files, by its name. */
const CARDS: { name: RegExp; prefixes: Record<TextRole, string> }[] = [
  {
    name: /bge-(small|base|large)(-en|$)/i,
    prefixes: { query: 'Represent this sentence for searching relevant passages: ', passage: '' },
  },
  { name: /(^|[/_])e5-(small|base|large)(-v2|-unsupervised)?$/i, prefixes: { query: 'query: ', passage: 'passage: ' } },
]

/** Longer prefixes are no instruction. */
const MAX_PREFIX = 2000

/**
 * The settings of the encoder in `folder`. `name` is what the user called it; `pooling` stands where the folder does not
 * say. Throws BumpError (`model-unusable`) for what is missing, damaged, no encoder of the BERT family, or not
 * implemented.
 */
export function readEncoderSettings(folder: string, name: string, pooling?: Pooling): EncoderSettings {
  const config = fieldsOf(folder, 'config.json')
  if (!config) throw unusable(`${join(folder, 'config.json')}: does not exist. Name the folder of a sentence encoder.`)
  const { shape, model } = bertOf(config)
  const sentence = fieldsOf(folder, 'sentence_bert_config.json')
  const onnx = ONNX_FILES.map((file) => join(folder, file)).find((file) => existsSync(file))
  return {
    shape,
    pooling: poolingOf(folder, pooling),
    maxTokens: Math.min(shape.positions, sentence?.count('max_seq_length', 1e6, shape.positions) ?? shape.positions),
    lowercase: sentence?.flag('do_lower_case', false) ?? false,
    prefixes: prefixesOf(folder, [name, basename(folder), model]),
    onnx,
  }
}

/**
 * Throws BumpError (`model-unusable`) where a config.json is not that of a BERT: what a download is checked by before
 * its weights are fetched.
 */
export function refuseOtherModels(folder: string): void {
  const config = fieldsOf(folder, 'config.json')
  if (config) bertOf(config)
}

function bertOf(config: Fields): { shape: BertShape; model: string } {
  const type = config.json.model_type
  if (type !== 'bert')
    config.fail(
      `"model_type" is ${JSON.stringify(type)}: not an encoder of the BERT family. An embedding judge needs one, such as ` +
        'BAAI/bge-small-en-v1.5 or sentence-transformers/all-MiniLM-L6-v2; a language model judges by another scorer.',
    )
  config.only('hidden_act', 'gelu', 'only "gelu" is supported')
  config.only('position_embedding_type', 'absolute', 'only absolute positions are supported')
  config.only('is_decoder', false, 'decoders are not supported')
  const hidden = config.count('hidden_size', 1 << 16)
  const heads = config.count('num_attention_heads', 1024)
  if (hidden % heads !== 0) config.fail(`"hidden_size" ${hidden} is not divisible by "num_attention_heads" ${heads}`)
  const shape = {
    hidden,
    heads,
    layers: config.count('num_hidden_layers', 1000),
    intermediate: config.count('intermediate_size', 1 << 20),
    vocab: config.count('vocab_size', 1 << 24),
    positions: config.count('max_position_embeddings', 1 << 20),
    types: config.count('type_vocab_size', 1024, 2),
    epsilon: config.positive('layer_norm_eps', 1, 1e-12),
  }
  return { shape, model: String(config.json._name_or_path ?? '') }
}

/** Folder of the pooling's settings; undefined where no file says what is done with the tokens' vectors. */
function poolingModule(folder: string): string | undefined {
  const path = join(folder, 'modules.json')
  if (!existsSync(path)) return existsSync(join(folder, '1_Pooling')) ? '1_Pooling' : undefined
  const list = readJson(path)
  if (!Array.isArray(list)) throw unusable(`${path}: is not a list of modules. Download the encoder again.`)
  let pooling: string | undefined
  for (const entry of list as unknown[]) {
    const [type, at] = isObject(entry) ? [entry.type, entry.path ?? ''] : []
    const kind = typeof type === 'string' ? type.split('.').at(-1) : undefined
    if (kind === 'Pooling' && typeof at === 'string' && /^\w+$/.test(at)) pooling = at
    // Vectors are always made of length 1, since cosines are what is compared.
    else if (kind !== 'Normalize' && !(kind === 'Transformer' && at === ''))
      throw unusable(
        `${path}: the module ${JSON.stringify(entry)} is not supported: Transformer (in the folder itself), Pooling (in one ` +
          `within it) and Normalize are. ${OTHER}`,
      )
  }
  return pooling
}

const OTHER = 'Use another encoder, such as BAAI/bge-small-en-v1.5.'

function poolingOf(folder: string, named: Pooling | undefined): Pooling {
  const module = poolingModule(folder)
  const fields = module === undefined ? undefined : fieldsOf(folder, join(module, 'config.json'))
  if (!fields) {
    if (named) return named
    throw unusable(
      `${folder}: does not say how the vectors of a text's tokens become one (no modules.json with a Pooling module, no ` +
        "1_Pooling/config.json). Take these files from the encoder's page, or say it: judge.pooling is cls or mean.",
    )
  }
  const modes = Object.keys(fields.json).filter((key) => key.startsWith('pooling_mode_') && fields.json[key] === true)
  const found = POOLINGS.find(
    (pooling) => modes.join() === `pooling_mode_${pooling}${pooling === 'cls' ? '_token' : '_tokens'}`,
  )
  if (!found)
    return fields.fail(
      `pools by ${modes.join(' and ') || 'nothing that it names'}; ${POOLINGS.join(' or ')} is supported. ${OTHER}`,
    )
  if (named && named !== found)
    throw new BumpError(
      'invalid-options',
      `judge.pooling is ${named}, but ${fields.where} says ${found}: leave it out.`,
    )
  if (found === 'mean') fields.only('include_prompt', true, 'a mean without the prefix is not supported')
  return found
}

function prefixesOf(folder: string, names: readonly string[]): Record<TextRole, string> {
  const fields = fieldsOf(folder, 'config_sentence_transformers.json')
  const prompts = fields?.json.prompts
  if (isObject(prompts)) {
    const own = { query: prompts.query ?? '', passage: prompts.passage ?? prompts.document ?? '' }
    for (const [role, text] of Object.entries(own))
      if (typeof text !== 'string' || text.length > MAX_PREFIX)
        fields!.fail(`the prompt of a ${role} is not a short text`)
    if (own.query !== '' || own.passage !== '') return own as Record<TextRole, string>
  }
  return CARDS.find(({ name }) => names.some((each) => name.test(each)))?.prefixes ?? { query: '', passage: '' }
}

function fieldsOf(folder: string, file: string): Fields | undefined {
  const path = join(folder, file)
  if (!existsSync(path)) return undefined
  const json = readJson(path)
  if (!isObject(json)) throw unusable(`${path}: is not a JSON object. Download the encoder again.`)
  return new Fields(json, path)
}

function unusable(message: string): BumpError {
  return new BumpError('model-unusable', message)
}
