// Opens the tokenizer of a model, wherever it is kept: the entry of this room, used by the model providers.
import { statSync } from 'node:fs'
import type { Tokenizer } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { encoderFrame } from './encoder-frame.ts'
import { tokenizerFromFolder } from './from-folder.ts'
import { tokenizerFromGguf } from './from-gguf.ts'
import { buildTokenizer } from './text-tokenizer.ts'

/**
 * The tokenizer of a Hugging Face folder (tokenizer.json and its companions) or of a .gguf file. `onNotice` gets
 * a line, once, where the chat template has no system role.
 * @throws BumpError where `path` is neither, or its content cannot be used; the message names the file.
 */
export async function openTokenizer(path: string, onNotice?: (line: string) => void): Promise<Tokenizer> {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats)
    throw new BumpError('model-unusable', `${path}: does not exist. Name a Hugging Face model folder or a .gguf file.`)
  if (stats.isDirectory()) return buildTokenizer(tokenizerFromFolder(path), onNotice)
  return buildTokenizer(tokenizerFromGguf(path), onNotice)
}

/**
 * The tokenizer of an encoder's folder, and the ids that stand before and after each text that it encodes.
 * @throws BumpError where tokenizer.json is missing or cannot be used.
 */
export function openEncoderTokenizer(folder: string): { tokenizer: Tokenizer; before: number[]; after: number[] } {
  const source = tokenizerFromFolder(folder)
  return { tokenizer: buildTokenizer(source), ...encoderFrame(source) }
}
