// The embedded provider of sentence encoders: their contract on ONNX Runtime, in a worker thread of its own.
import { existsSync } from 'node:fs'
import { readEncoderSettings, refuseOtherModels } from '../../engine/encoder/settings.ts'
import { resolveModel } from '../../engine/hub/resolve.ts'
import { openEncoderTokenizer } from '../../engine/tokenizer/open-tokenizer.ts'
import { BumpError } from '../../util/errors.ts'
import { refuseUnknown, requireOptions } from '../../util/required.ts'
import { type Encoder, POOLINGS, type Pooling } from '../encoder.ts'
import { startEncoder } from './client.ts'

export interface OpenEncoderOptions {
  /** How the vectors of a text's tokens become one, where the encoder's folder does not say. */
  pooling?: Pooling
  /** Default: all cores. */
  threads?: number
  /** Ends the opening, a download too, with a CancelledError. */
  signal?: AbortSignal
  /** Lines about downloads; a `passing` one may be drawn over by the next. */
  onProgress?: (line: string, passing?: boolean) => void
}

const OPTIONS: readonly (keyof OpenEncoderOptions)[] = ['pooling', 'threads', 'signal', 'onProgress']

/**
 * Throws a BumpError where an encoder that lies on this machine is damaged, is a language model, or does not say how it
 * pools: what openEncoder would throw, before other work is done.
 */
export function refuseUnusableEncoder(where: string, pooling?: Pooling): void {
  if (existsSync(where)) readEncoderSettings(where, where, pooling)
}

/** Fewer tokens for a part of a text, beside special ones and a prefix, would lose what it says. */
const MIN_PART = 8

/**
 * Opens a sentence encoder of the BERT family: a Hugging Face folder or a hub name (downloaded once into the cache).
 * @throws BumpError when it cannot be found, is damaged, is no such encoder or does not say how it pools; CancelledError
 * where `signal` aborts
 */
export async function openEncoder(where: string, options: OpenEncoderOptions = {}): Promise<Encoder> {
  requireOptions('openEncoder()', { encoder: where }, ['encoder'])
  refuseUnknown('openEncoder()', options, OPTIONS)
  const { pooling, threads, signal, onProgress } = options
  if (pooling !== undefined && !POOLINGS.includes(pooling))
    throw new BumpError(
      'invalid-options',
      `pooling: there is no ${JSON.stringify(pooling)}. It is ${POOLINGS.join(', ')}.`,
    )
  const folder = await resolveModel(where, { kind: 'encoder', onProgress, checkConfig: refuseOtherModels, signal })
  const settings = readEncoderSettings(folder, where, pooling)
  const { tokenizer, before, after } = openEncoderTokenizer(folder)
  const client = await startEncoder({ folder, settings, threads }, onProgress, signal)
  const { prefixes, maxTokens, lowercase } = settings
  const tokensOf = (text: string) => tokenizer.encode(lowercase ? text.toLowerCase() : text)
  return {
    info: {
      name: where,
      digest: client.info.digest,
      dimensions: settings.shape.hidden,
      maxTokens,
      pooling: settings.pooling,
      prefixes,
    },
    tokenizer,
    async encode(texts, { role, maxTokens: budget, ...rest }) {
      const prefix = tokensOf(prefixes[role])
      const room = Math.max(MIN_PART, maxTokens - before.length - prefix.length - after.length)
      let tokens = 0
      const parts = texts.map((text) => {
        const own = tokensOf(text).slice(0, budget)
        return Array.from({ length: Math.max(1, Math.ceil(own.length / room)) }, (_, i) => {
          const part = [...before, ...prefix, ...own.slice(i * room, (i + 1) * room), ...after]
          tokens += part.length
          return part
        })
      })
      return { vectors: await client.call('encode', [parts], rest), tokens }
    },
    close: () => client.close(),
  }
}
