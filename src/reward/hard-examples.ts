// BUMP+ (docs/method.md §7): which held-out interactions and which other users are hard, by a frozen sentence encoder.
// pools.ts draws by it, and train/batches.ts puts users with similar histories into one batch.
import type { EncodeOptions, Encoder } from '../model/encoder.ts'
import { BumpError } from '../util/errors.ts'
import type { HardExamplesConfig } from './config.ts'

/** A user with what the generator is shown. */
export interface ShownUser {
  id: string
  /** Texts of the visible history, at least one. */
  shown: readonly string[]
  heldOut: readonly string[]
}

/** So many users are encoded in one call, between which progress is told. */
const USERS_A_CALL = 64
/** Vectors kept by their texts, for interactions that many users have. */
const KEPT_TEXTS = 50_000

type Progress = Pick<EncodeOptions, 'signal' | 'onProgress'>

/** Knows nobody until `embed` is done. */
export class HardExamples {
  /** By user: the mean vector of the visible history, of length 1. */
  private readonly centroids = new Map<string, Float32Array>()
  /** By user and held-out text: its cosine with the centroid. */
  private readonly heldOut = new Map<string, Map<string, number>>()

  constructor(
    private readonly encoder: Encoder,
    readonly config: HardExamplesConfig,
  ) {}

  /** What config.json says of the encoder. */
  describe(): Record<string, unknown> {
    return { ...this.encoder.info }
  }

  /**
   * Encodes the users' histories, and their held-out interactions where positives are chosen. Throws BumpError
   * (`logs-unusable`) for users of whom the generator is shown nothing, CancelledError where the signal aborts.
   */
  async embed(users: readonly ShownUser[], { signal, onProgress }: Progress = {}): Promise<void> {
    const silent = users.filter(({ shown }) => shown.length === 0).map(({ id }) => id)
    if (silent.length > 0)
      throw new BumpError(
        'logs-unusable',
        `${silent.length} users have no text in their visible history (${silent.slice(0, 5).join(', ')}), so nobody can be like them: take them out of the logs, or leave out reward.hardExamples`,
      )
    const vectors = new Map<string, Float32Array>()
    for (let start = 0; start < users.length; start += USERS_A_CALL) {
      const part = users.slice(start, start + USERS_A_CALL)
      if (vectors.size > KEPT_TEXTS) vectors.clear()
      const { positives } = this.config
      const texts = new Set(part.flatMap(({ shown, heldOut }) => (positives ? [...shown, ...heldOut] : shown)))
      const missing = [...texts].filter((text) => !vectors.has(text))
      const encoded = await this.encoder.encode(missing, {
        role: 'passage',
        maxTokens: this.encoder.info.maxTokens,
        signal,
        onProgress: (share) => onProgress?.((start + share * part.length) / users.length),
      })
      for (const [i, text] of missing.entries()) vectors.set(text, encoded.vectors[i])
      for (const { id, shown, heldOut } of part) {
        const centroid = centroidOf(shown.map((text) => vectors.get(text)!))
        this.centroids.set(id, centroid)
        if (!positives) continue
        this.heldOut.set(id, new Map(heldOut.map((text) => [text, product(centroid, vectors.get(text)!)])))
      }
    }
  }

  /** Cosine of the centroids of two users' visible histories. */
  similarity(a: string, b: string): number {
    return product(this.centroidOf(a), this.centroidOf(b))
  }

  /** Held-out texts of a user, those least like the visible history first; ties keep their order. */
  hardestFirst(user: string, texts: readonly string[]): string[] {
    if (!this.config.positives) return [...texts]
    const cosines = this.heldOut.get(user) ?? unknown(user)
    return byKey(texts, (text) => cosines.get(text)!)
  }

  /**
   * Other users, the most similar first; ties keep their order. Near-duplicates, above the ceiling, are left out; where
   * all are, the least similar remains.
   */
  rivals<T>(user: string, others: readonly T[], idOf: (other: T) => string): T[] {
    if (!this.config.negatives) return [...others]
    const { near, tooNear } = this.ranked(user, others, idOf)
    return near.length > 0 ? near : tooNear.slice(-1)
  }

  /** Other users, the most similar first, those above the ceiling apart. */
  ranked<T>(user: string, others: readonly T[], idOf: (other: T) => string): Record<'near' | 'tooNear', T[]> {
    const rated = others.map((other) => ({ other, distance: -this.similarity(user, idOf(other)) }))
    const sorted = byKey(rated, ({ distance }) => distance)
    const cut = sorted.findIndex(({ distance }) => -distance <= this.config.ceiling)
    const first = cut < 0 ? sorted.length : cut
    const plain = sorted.map(({ other }) => other)
    return { tooNear: plain.slice(0, first), near: plain.slice(first) }
  }

  private centroidOf(user: string): Float32Array {
    return this.centroids.get(user) ?? unknown(user)
  }
}

function unknown(user: string): never {
  throw new TypeError(`user ${user} was not embedded`)
}

/** Ascending by a number; ties keep their order. */
function byKey<T>(items: readonly T[], key: (item: T) => number): T[] {
  return [...items].sort((a, b) => key(a) - key(b))
}

function centroidOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float32Array(vectors[0].length)
  for (const vector of vectors) for (let i = 0; i < sum.length; i++) sum[i] += vector[i]
  const length = Math.sqrt(product(sum, sum)) || 1
  return sum.map((value) => value / length)
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
