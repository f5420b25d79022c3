// What a graph that continues prefixes is fed where there are none.
import type { ModelConfig } from '../model/config.ts'
import { type Feeds, floats } from './tensors.ts'

export const MASKED = -1e9

/** U prefixes of no tokens, for graphs that continue prefixes in layout 'extend'. */
export function emptyPrefixes(c: ModelConfig, U: number): Feeds {
  const feeds: Feeds = { prefix_mask: floats(new Float32Array(U).fill(MASKED), [U, 1, 1, 1]) }
  const zeros = floats(new Float32Array(U * c.kvHeads * c.headDim), [U, c.kvHeads, 1, c.headDim])
  for (let l = 0; l < c.layers; l++) {
    feeds[`pk${l}`] = zeros
    feeds[`pv${l}`] = zeros
  }
  return feeds
}
