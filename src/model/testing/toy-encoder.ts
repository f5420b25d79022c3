// A deterministic sentence encoder for tests: the more words two texts share, the more alike they are. It counts what it
// is asked.
import { CancelledError } from '../../util/errors.ts'
import type { EncodeOptions, Encoder } from '../encoder.ts'
import { toyModel } from './toy-model.ts'

export interface ToyEncoder extends Encoder {
  /** Every text that it was asked to encode, with its role. */
  readonly asked: [role: EncodeOptions['role'], text: string][]
}

const DIMENSIONS = 4096

export function toyEncoder(): ToyEncoder {
  const { tokenizer } = toyModel()
  const asked: ToyEncoder['asked'] = []
  const vectorOf = (ids: readonly number[]) => {
    const vector = new Float32Array(DIMENSIONS)
    for (const id of ids) vector[id % DIMENSIONS] = 1
    const length = Math.hypot(...vector) || 1
    return vector.map((value) => value / length)
  }
  return {
    info: {
      name: 'toy encoder',
      digest: 'toy encoder',
      dimensions: DIMENSIONS,
      maxTokens: 512,
      pooling: 'mean',
      prefixes: { query: '', passage: '' },
    },
    tokenizer,
    asked,
    async encode(texts, { role, maxTokens, signal, onProgress }) {
      if (signal?.aborted) throw new CancelledError()
      asked.push(...texts.map((text): [EncodeOptions['role'], string] => [role, text]))
      const ids = texts.map((text) => tokenizer.encode(text).slice(0, maxTokens))
      onProgress?.(1)
      return { vectors: ids.map(vectorOf), tokens: ids.reduce((sum, { length }) => sum + length, 0) }
    },
    close: async () => {},
  }
}
