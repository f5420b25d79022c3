// Seeded randomness. Every random number of a run derives from (run seed, purpose, step, user, rollout), so that a run
// can be replayed and resumed bit for bit, whatever the order in which work is done.

/** 32-bit hash (FNV-1a, then murmur's finaliser) of a list of words and numbers: a seed for one purpose. */
export function seedFrom(...parts: (string | number)[]): number {
  let h = 0x811c9dc5
  for (const part of parts) {
    const text = `${typeof part === 'number' ? '#' : '$'}${part}|`
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A stream of uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** `n` normal numbers with the given standard deviation (Box-Muller), as `Float32Array` or `Float64Array`. */
export function normals<A extends Float32Array | Float64Array>(out: A, std: number, seed: number): A {
  const next = uniform(seed)
  for (let i = 0; i < out.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(next() + 1e-12)) * std
    const angle = 2 * Math.PI * next()
    out[i] = radius * Math.cos(angle)
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
  }
  return out
}

/** A shuffled copy (Fisher-Yates), determined by the seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = uniform(seed)
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const swap = out[i]
    out[i] = out[j]
    out[j] = swap
  }
  return out
}
