// The tokenizer of a model whose weights are elsewhere, with what its files say of its context.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { resolveModel } from '../../engine/hub/resolve.ts'
import { openTokenizer as openFiles } from '../../engine/tokenizer/open-tokenizer.ts'
import { readJson } from '../../engine/weights/hf-config.ts'
import { configOf } from '../../engine/weights/open-source.ts'
import { requireOptions } from '../../util/required.ts'
import type { Tokenizer } from '../contract.ts'

/** Tokens of a context, where a model's files do not say. */
const USUAL_CONTEXT = 4096

const positions = z.object({ max_position_embeddings: z.int().positive() })
const contextSchema = z.union([
  positions.transform((config) => config.max_position_embeddings),
  z.object({ text_config: positions }).transform((config) => config.text_config.max_position_embeddings),
])

/**
 * Opens the tokenizer of a Hugging Face folder, a .gguf file or a model by its hub name, of which no weights are
 * downloaded. `contextLength`: tokens that the model reads, 4096 where its files do not say.
 * @throws BumpError when it cannot be found or is damaged; CancelledError where `signal` aborts
 */
export async function openTokenizer(
  where: string,
  options: { onProgress?: (line: string, passing?: boolean) => void; signal?: AbortSignal } = {},
): Promise<{ tokenizer: Tokenizer; contextLength: number }> {
  requireOptions('openTokenizer()', { model: where }, ['model'])
  const path = await resolveModel(where, { kind: 'tokenizer', ...options })
  const tokenizer = await openFiles(path, options.onProgress)
  if (path.toLowerCase().endsWith('.gguf')) return { tokenizer, contextLength: configOf(path).contextLength }
  const config = join(path, 'config.json')
  const said = existsSync(config) ? contextSchema.safeParse(readJson(config)).data : undefined
  return { tokenizer, contextLength: said ?? USUAL_CONTEXT }
}
