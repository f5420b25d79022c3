// Which kind of model lies at a path, and what reads it.
import { statSync } from 'node:fs'
import { BumpError } from '../../util/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import { openGgufSource, readGgufConfig } from './gguf-source.ts'
import { openHuggingFaceSource, readHuggingFaceConfig } from './hf-source.ts'
import type { WeightSource } from './source.ts'

/** True for a .gguf file, false for a folder. Throws a BumpError for anything else. */
export function isGguf(path: string): boolean {
  let isFile: boolean
  try {
    isFile = statSync(path).isFile()
  } catch (cause) {
    throw new BumpError('model-unusable', `${path}: there is no such model folder or .gguf file. Check the path.`, {
      cause,
    })
  }
  if (isFile && !path.toLowerCase().endsWith('.gguf'))
    throw new BumpError(
      'model-unusable',
      `${path}: is a file but not a .gguf. Name a Hugging Face folder or a .gguf file.`,
    )
  return isFile
}

/**
 * The configuration of the model at `path`, a Hugging Face folder or a .gguf file; no vocabulary and no weight is read.
 * Throws a BumpError where it is damaged, or the model's family is not supported.
 */
export function configOf(path: string): ModelConfig {
  return isGguf(path) ? readGgufConfig(path) : readHuggingFaceConfig(path)
}

/** The weights of the model at `path`; whoever opens them closes them. Throws a BumpError as `configOf`. */
export function openSource(path: string): WeightSource {
  return isGguf(path) ? openGgufSource(path) : openHuggingFaceSource(path)
}
