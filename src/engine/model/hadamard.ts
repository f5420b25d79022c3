// Channels are mixed before they are rounded to 8 bits: x·W = (x·H)·(HᵀW) for an orthogonal H, and where a few channels
// of x are far larger than the others, none of x·H is (QuaRot, Ashkboos et al. 2024, section 3). H is the Walsh-Hadamard
// matrix in blocks of channels. It is symmetric: mixing twice gives what was there before.
import type { Graph, Value } from '../graph/graph.ts'

const LARGEST_BLOCK = 64
/** x [N,channels] · H. Without a gradient. */
export function mixChannels(g: Graph, x: Value, channels: number): Value {
  const block = blockSize(channels)
  const mixed = g.op('MatMul', [g.op('Reshape', [x, g.ints([0, channels / block, block])]), mixer(g, block)])
  return g.op('Reshape', [mixed, g.ints([0, channels])])
}

/** H · w, for a matrix w [channels,columns]. Without a gradient. */
export function mixRows(g: Graph, w: Value, channels: number, columns: number): Value {
  const block = blockSize(channels)
  const mixed = g.op('MatMul', [mixer(g, block), g.op('Reshape', [w, g.ints([channels / block, block, columns])])])
  return g.op('Reshape', [mixed, g.ints([channels, columns])])
}

function mixer(g: Graph, block: number): Value {
  return g.constant(`hadamard${block}`, (name) =>
    g.initializer(name, [block, block], new Uint8Array(hadamard(block).buffer)),
  )
}

/** How many of `count` channels are mixed with each other: the largest power of two that divides it, at most 64. */
function blockSize(count: number): number {
  return Math.min(LARGEST_BLOCK, count & -count)
}

/** H of one block [n,n], n a power of two: in row i and column j, the parity of the bits that i and j share is the sign. */
function hadamard(n: number): Float32Array {
  const parity = (bits: number): number => (bits === 0 ? 0 : (bits & 1) ^ parity(bits >>> 1))
  return Float32Array.from(
    { length: n * n },
    (_, k) => (parity(Math.floor(k / n) & (k % n)) === 0 ? 1 : -1) / Math.sqrt(n),
  )
}
