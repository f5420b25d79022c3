// Opens the tokenizer of a model, wherever it is kept: the entry of this room, used by the model provider.
import { statSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'
import { tokenizerFromFolder } from './from-folder.ts'
import { tokenizerFromGguf } from './from-gguf.ts'
import { buildTokenizer } from './text-tokenizer.ts'
import type { Tokenizer } from './types.ts'

/**
 * The tokenizer of a Hugging Face folder (tokenizer.json and its companions) or of a .gguf file.
 * @throws BumpError where `where` is neither, or its content cannot be used; the message names the file.
 */
export async function openTokenizer(where: string): Promise<Tokenizer> {
  const stats = statSync(where, { throwIfNoEntry: false })
  if (!stats)
    throw new BumpError('model-unusable', `${where}: does not exist. Name a Hugging Face model folder or a .gguf file.`)
  if (stats.isDirectory()) return buildTokenizer(tokenizerFromFolder(where))
  return buildTokenizer(tokenizerFromGguf(where))
}
