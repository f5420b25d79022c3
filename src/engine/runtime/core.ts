// What generation, scoring and training share: the model's sessions and weights, and the forward pass over prefixes.
import type { InferenceSession } from 'onnxruntime-node'
import type { TokenIds, WeightSet } from '../../model/contract.ts'
import { CancelledError } from '../../util/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import type { ExtendHead } from '../model/extend-graph.ts'
import { emptyPrefixes, MASKED } from './empty-prefixes.ts'
import type { Rows } from './memory.ts'
import type { ModelWeights } from './model-weights.ts'
import type { GraphKind, Sessions } from './sessions.ts'
import { type Feeds, f32, floats, longs } from './tensors.ts'

/** Asks between runs whether the caller has cancelled. */
export type Cancelled = () => boolean

export interface Core {
  config: ModelConfig
  sessions: Sessions
  weights: ModelWeights
  /** Runs by the quantised weights, where the sessions have them. */
  quantized: boolean
  /** Rows that run at once. */
  rows: Rows
}

export function throwIfCancelled(cancelled: Cancelled): void {
  if (cancelled()) throw new CancelledError()
}

export async function run(
  core: Core,
  kind: GraphKind,
  weightSet: WeightSet,
  feeds: Feeds,
): Promise<InferenceSession.OnnxValueMapType> {
  const { weights, quantized } = core
  const by =
    kind.graph === 'decode'
      ? weights.decoding(weightSet, quantized)
      : { binding: weights.binding(weightSet, quantized), feeds: weights.feeds(weightSet) }
  const session = await core.sessions.get(kind, by.binding)
  return session.run({ ...by.feeds, ...feeds })
}

/** Keys and values of U prefixes, as feeds `pk<l>`, `pv<l>` and `prefix_mask` of the graph that continues them. */
export interface Prefixes {
  feeds: Feeds
  lengths: number[]
  /** Padded length, at least 1: an empty prefix is one masked position. */
  P: number
}

/**
 * Runs prefixes through the model. `layout` 'extend' gives [U,kvHeads,P,D] for extend graphs, 'decode' keys
 * [U,kvHeads,D,P] and values [U,kvHeads,P,D] for decode graphs.
 */
export async function computePrefixes(
  core: Core,
  prefixes: readonly TokenIds[],
  weightSet: WeightSet,
  layout: 'extend' | 'decode',
): Promise<Prefixes> {
  const { config: c } = core
  const U = prefixes.length
  const lengths = prefixes.map((p) => p.length)
  const P = Math.max(1, ...lengths)
  if (layout === 'extend' && lengths.every((length) => length === 0)) return { feeds: emptyPrefixes(c, U), lengths, P }
  const mask = new Float32Array(U * P)
  lengths.forEach((length, u) => {
    mask.fill(MASKED, u * P + length, (u + 1) * P)
  })
  const feeds: Feeds = { prefix_mask: floats(mask, [U, 1, 1, P]) }
  const ids = new Int32Array(U * P)
  prefixes.forEach((prefix, u) => {
    ids.set(prefix, u * P)
  })
  const head: ExtendHead = layout === 'extend' ? 'kv' : 'decode-kv'
  const result = await run(core, { graph: 'extend', head }, weightSet, {
    ...emptyPrefixes(c, U),
    ids: longs(ids),
    positions: longs(
      ids.map((_, i) => i % P),
      [U * P, 1],
    ),
    sizes: longs([U, 1, 1, P]),
  })
  const keys = layout === 'extend' ? [P, c.headDim] : [c.headDim, P]
  for (let l = 0; l < c.layers; l++) {
    feeds[`pk${l}`] = result[`k${l}`].reshape([U, c.kvHeads, ...keys])
    feeds[`pv${l}`] = result[`v${l}`].reshape([U, c.kvHeads, P, c.headDim])
  }
  return { feeds, lengths, P }
}

/**
 * The prefixes `root` + rest for every rest, of which only the rests are run. `root` is one prefix in layout 'extend'.
 */
export async function extendPrefix(
  core: Core,
  root: Prefixes,
  rests: readonly TokenIds[],
  weightSet: WeightSet,
): Promise<Prefixes> {
  const { config: c } = core
  const U = rests.length
  const [shared] = root.lengths
  const S = Math.max(1, ...rests.map((rest) => rest.length))
  const P = shared + S
  const ids = new Int32Array(U * S)
  const mask = new Float32Array(U * P)
  rests.forEach((rest, u) => {
    ids.set(rest, u * S)
    mask.fill(MASKED, u * P + shared + rest.length, (u + 1) * P)
  })
  const result = await run(core, { graph: 'extend', head: 'kv' }, weightSet, {
    ...root.feeds,
    ids: longs(ids),
    positions: longs(
      ids.map((_, i) => shared + (i % S)),
      [U * S, 1],
    ),
    sizes: longs([1, root.P, U, S]),
  })
  const feeds: Feeds = { prefix_mask: floats(mask, [U, 1, 1, P]) }
  const [begun, added, whole] = [shared, S, P].map((positions) => positions * c.headDim)
  for (let l = 0; l < c.layers; l++)
    for (const x of ['k', 'v'] as const) {
      const beginning = f32(root.feeds[`p${x}${l}`]) // [1,kvHeads,shared,D]
      const continued = f32(result[`${x}${l}`]) // [1,kvHeads,U,S,D]
      const data = new Float32Array(U * c.kvHeads * whole)
      for (let u = 0; u < U; u++)
        for (let h = 0; h < c.kvHeads; h++) {
          const at = (u * c.kvHeads + h) * whole
          const from = (h * U + u) * added
          data.set(beginning.subarray(h * begun, (h + 1) * begun), at)
          data.set(continued.subarray(from, from + added), at + begun)
        }
      feeds[`p${x}${l}`] = floats(data, [U, c.kvHeads, P, c.headDim])
    }
  return { feeds, lengths: rests.map((rest) => shared + rest.length), P }
}
