// Checks the content of a tokenizer.json before anything is built from it, and rewrites the few components in which the
// JavaScript library departs from Hugging Face's own. Between reading (from-folder.ts, from-gguf.ts) and
// text-tokenizer.ts.
import { BumpError } from '../../util/errors.ts'
import { GPT2_PATTERN } from './patterns.ts'
import type { AddedToken, Component, TokenizerJson } from './types.ts'

/** A pre-tokenizer that makes every match of the regular expression, and everything between, a piece of its own. */
export function isolate(pattern: string): Component {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
}

/** A record of unknown values, or undefined for anything that is not a plain object. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

/**
 * The content of a tokenizer.json, checked: a BPE model or the WordPiece of an encoder, ids that are unique whole
 * numbers, merges whose parts and results are in the vocabulary.
 * @throws BumpError naming `file` and what is wrong with it.
 */
export function checkTokenizerJson(content: unknown, file: string): TokenizerJson {
  const json = asRecord(content)
  const model = asRecord(json?.model)
  if (!json || !model) throw damaged(file, 'it has no "model" object')
  const vocabulary = asRecord(model.vocab)
  const isBpe = model.type === 'BPE' || (model.type === undefined && Array.isArray(model.merges) && vocabulary)
  if (!isBpe && model.type !== 'WordPiece')
    throw new BumpError(
      'model-unusable',
      `${file}: the tokenizer model is ${JSON.stringify(model.type)}; only BPE tokenizers are supported, and WordPiece for ` +
        'encoders. Choose a model of a family that the README lists.',
    )
  if (!vocabulary) throw damaged(file, '"model.vocab" is not an object of token to id')
  const addedTokens = checkAddedTokens(json.added_tokens ?? [], file)
  checkLengths([...Object.keys(vocabulary), ...addedTokens.map(({ content }) => content)], file)
  const vocab = checkVocab(vocabulary, addedTokens, file)
  const pieces = isBpe
    ? { type: 'BPE', merges: checkMerges(model.merges, vocab, file) }
    : { type: 'WordPiece', ...checkWordPiece(model, vocab, file) }
  const normalizer = component(json.normalizer, 'normalizer', file)
  const words = component(json.pre_tokenizer, 'pre_tokenizer', file)
  return {
    model: { ...model, ...pieces, vocab },
    added_tokens: addedTokens,
    normalizer,
    pre_tokenizer: splitsAtNothing(words, normalizer) ? null : adapt(words, file),
    post_processor: component(json.post_processor, 'post_processor', file),
    decoder: component(json.decoder, 'decoder', file),
  }
}

/** Characters of the longest token; the longest of published vocabularies, runs of blanks, have some hundred. */
const MAX_TOKEN = 1024

/** Added tokens are looked for one beside the other: the most of a published model are some thousand short ones. */
const MAX_ADDED = 1 << 14
const MAX_ADDED_TEXT = 1 << 18

/**
 * Checks that no token is so long that work which grows with the square of its length would take minutes.
 * @throws BumpError naming `file` and the token.
 */
export function checkLengths(tokens: Iterable<string>, file: string): void {
  for (const token of tokens)
    if (token.length > MAX_TOKEN)
      throw damaged(
        file,
        `token ${JSON.stringify(`${token.slice(0, 20)}…`)} has ${token.length} characters, at most ${MAX_TOKEN} are possible`,
      )
}

function damaged(file: string, problem: string): BumpError {
  return new BumpError(
    'model-unusable',
    `${file}: not a usable tokenizer: ${problem}. Download or convert the model again.`,
  )
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1 << 24
}

function checkAddedTokens(list: unknown, file: string): AddedToken[] {
  if (!Array.isArray(list)) throw damaged(file, '"added_tokens" is not a list')
  const tokens = list.map((entry: unknown, i) => {
    const token = asRecord(entry)
    if (!token || typeof token.content !== 'string' || token.content === '' || !isId(token.id))
      throw damaged(file, `added_tokens[${i}] needs a "content" and a whole number "id"`)
    if (token.single_word === true)
      throw new BumpError(
        'model-unusable',
        `${file}: added token ${JSON.stringify(token.content)} counts only as a word of its own ("single_word"), which is ` +
          'not supported. Set it to false if that is meant, or use another model.',
      )
    const special = token.special === true
    const normalized = token.normalized === undefined ? !special : token.normalized === true
    const { content, id } = token
    return { content, id, special, normalized, lstrip: token.lstrip === true, rstrip: token.rstrip === true }
  })
  const size = tokens.reduce((sum, { content }) => sum + content.length, 0)
  if (tokens.length > MAX_ADDED || size > MAX_ADDED_TEXT)
    throw damaged(
      file,
      `it adds ${tokens.length} tokens of ${size} characters, ${MAX_ADDED} and ${MAX_ADDED_TEXT} are possible`,
    )
  return tokens
}

function checkVocab(vocab: Record<string, unknown>, added: AddedToken[], file: string): Record<string, number> {
  const checked: Record<string, number> = Object.create(null)
  const textOf = new Map<number, string>()
  for (const [text, id] of Object.entries(vocab)) {
    if (!isId(id)) throw damaged(file, `token ${JSON.stringify(text)} has the id ${JSON.stringify(id)}`)
    const other = textOf.get(id)
    if (other !== undefined)
      throw damaged(file, `tokens ${JSON.stringify(other)} and ${JSON.stringify(text)} share the id ${id}`)
    textOf.set(id, text)
    checked[text] = id
  }
  if (textOf.size === 0) throw damaged(file, 'the vocabulary is empty')
  for (const { content, id } of added) {
    const other = textOf.get(id)
    if (other !== undefined && other !== content)
      throw damaged(file, `added token ${JSON.stringify(content)} has the id ${id} of ${JSON.stringify(other)}`)
    textOf.set(id, content)
  }
  return checked
}

function checkMerges(merges: unknown, vocab: Record<string, number>, file: string): (string | [string, string])[] {
  if (!Array.isArray(merges)) throw damaged(file, '"model.merges" is not a list')
  return merges.map((merge: unknown, i): string | [string, string] => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string')
      throw damaged(file, `merge ${i} (${JSON.stringify(merge)}) is not a pair of tokens`)
    for (const part of [pair[0], pair[1], pair[0] + pair[1]])
      if (vocab[part] === undefined)
        throw damaged(
          file,
          `merge ${i} (${JSON.stringify(merge)}) needs the token ${JSON.stringify(part)}, which the vocabulary lacks`,
        )
    return [pair[0], pair[1]]
  })
}

/** A longer word is one unknown token: published files say 100. Looking for its pieces takes the square of its length. */
const MAX_WORD = 1000

function checkWordPiece(model: Record<string, unknown>, vocab: Record<string, number>, file: string): object {
  const {
    unk_token: unknown,
    continuing_subword_prefix: prefix = '##',
    max_input_chars_per_word: longest = 100,
  } = model
  if (typeof unknown !== 'string' || vocab[unknown] === undefined)
    throw damaged(file, `"model.unk_token" is ${JSON.stringify(unknown)}, which is not in the vocabulary`)
  if (typeof prefix !== 'string') throw damaged(file, '"model.continuing_subword_prefix" is not a text')
  if (!isId(longest) || longest > MAX_WORD)
    throw damaged(
      file,
      `"model.max_input_chars_per_word" is ${JSON.stringify(longest)}, at most ${MAX_WORD} are possible`,
    )
  return { unk_token: unknown, continuing_subword_prefix: prefix, max_input_chars_per_word: longest }
}

/**
 * Checks that every token that a text can become is below `rows`, the number of tokens that the model has weights for.
 * A special token may lie beyond: some folders add one for padding that is never used.
 * @throws BumpError naming `file` and the token.
 */
export function checkRows(json: TokenizerJson, rows: number, file: string): void {
  const special = new Set(json.added_tokens.filter((token) => token.special).map(({ content }) => content))
  const added = json.added_tokens.map(({ content, id }): [string, number] => [content, id])
  for (const [text, id] of [...Object.entries(json.model.vocab), ...added])
    if (id >= rows && !special.has(text))
      throw new BumpError(
        'model-unusable',
        `${file}: token ${JSON.stringify(text)} has the id ${id}, but the model has weights for ${rows} tokens only ` +
          '(its vocabulary size). Take the tokenizer that belongs to the model.',
      )
}

function component(value: unknown, name: string, file: string): Component | null {
  if (value === undefined || value === null) return null
  const record = asRecord(value)
  if (!record || typeof record.type !== 'string') throw damaged(file, `"${name}" is not an object with a "type"`)
  return { ...record, type: record.type }
}

function isPattern(value: unknown): boolean {
  const pattern = asRecord(value)
  return typeof (pattern?.Regex ?? pattern?.String) === 'string'
}

/** Gemma's files split at blanks, in a way that the library lacks, after the normaliser has replaced every blank. */
function splitsAtNothing(words: Component | null, normalizer: Component | null): boolean {
  const [at, replaced] = [asRecord(words?.pattern)?.String, asRecord(normalizer?.pattern)?.String]
  if (words?.type !== 'Split' || normalizer?.type !== 'Replace') return false
  return typeof at === 'string' && at === replaced && !String(normalizer.content).includes(at)
}

/**
 * The library's `Digits` sees only ASCII digits and its `ByteLevel` takes other characters for white space than Hugging
 * Face's own; both are written as the `Split` they stand for, which agrees. Split behaviours that it ignores are
 * refused.
 */
function adapt(part: Component | null, file: string): Component | null {
  if (!part) return null
  switch (part.type) {
    case 'Sequence': {
      const parts = Array.isArray(part.pretokenizers) ? part.pretokenizers : []
      return { ...part, pretokenizers: parts.map((p) => adapt(component(p, 'pre_tokenizer', file), file)) }
    }
    case 'Digits':
      return isolate(part.individual_digits === true ? '\\p{N}' : '\\p{N}+')
    case 'ByteLevel':
      if (part.use_regex === false || part.add_prefix_space === true) return part
      return { type: 'Sequence', pretokenizers: [isolate(GPT2_PATTERN), { ...part, use_regex: false }] }
    case 'Split':
      if (!isPattern(part.pattern))
        throw damaged(file, 'a pre-tokenizer of type "Split" has no "pattern" with a "Regex" or a "String"')
      if (part.behavior === 'Isolated' || part.behavior === 'Removed') return part
      throw new BumpError(
        'model-unusable',
        `${file}: the pre-tokenizer splits with the behaviour ${JSON.stringify(part.behavior)}, which is not supported. ` +
          'Choose a model of a family that the README lists.',
      )
    default:
      return part
  }
}
