// Channels are mixed before they are rounded to 8 bits: x·W = (x·H)·(HᵀW) for an orthogonal H, and where a few channels
// of x are far larger than the others, none of x·H is (QuaRot, Ashkboos et al. 2024, section 3). H is the Walsh-Hadamard
// matrix in blocks of channels. It is symmetric: mixing twice gives what was there before.
import type { Graph, Value } from '../graph/graph.ts'

const LARGEST_BLOCK = 64
/** Columns that are handled at once: a block of them stays in the cache. */
const TILE = 64

/** x [N,channels] · H. Without a gradient. */
export function mixChannels(g: Graph, x: Value, channels: number): Value {
  const block = blockSize(channels)
  const h = g.constant(`hadamard${block}`, (name) =>
    g.initializer(name, [block, block], new Uint8Array(hadamard(block).buffer)),
  )
  const mixed = g.op('MatMul', [g.op('Reshape', [x, g.ints([0, channels / block, block])]), h])
  return g.op('Reshape', [mixed, g.ints([0, channels])])
}

/** How many of `count` channels are mixed with each other: the largest power of two that divides it, at most 64. */
function blockSize(count: number): number {
  return Math.min(LARGEST_BLOCK, count & -count)
}

/** H of one block [n,n], n a power of two. */
function hadamard(n: number): Float32Array {
  const h = new Float32Array(n * n)
  for (let i = 0; i < n; i++) h[i * (n + 1)] = 1
  mixRows(h, n)
  return h
}

/** H · matrix, for a matrix [channels, columns], in place. */
export function mixRows(matrix: Float32Array, columns: number): void {
  const channels = matrix.length / columns
  const block = blockSize(channels)
  const norm = 1 / Math.sqrt(block)
  for (let first = 0; first < channels; first += block)
    for (let from = 0; from < columns; from += TILE) {
      const count = Math.min(TILE, columns - from)
      for (let half = 1; half < block; half *= 2)
        for (let row = 0; row < block; row++)
          if ((row & half) === 0) sumAndDifference(matrix, (first + row) * columns + from, half * columns, count)
      for (let row = 0; row < block; row++) {
        const start = (first + row) * columns + from
        for (let k = start; k < start + count; k++) matrix[k] *= norm
      }
    }
}

function sumAndDifference(values: Float32Array, start: number, distance: number, count: number): void {
  for (let k = start; k < start + count; k++) {
    const a = values[k]
    const b = values[k + distance]
    values[k] = a + b
    values[k + distance] = a - b
  }
}
