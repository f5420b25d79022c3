// What it costs to choose the batches of training among more and more users, with the negatives of the batch alone and with
// mined ones. Vectors are random; what encoding a history costs is the same for each user and is no part of it.
import type { ListedUser } from '../../src/logs/user-list.ts'
import type { Encoder } from '../../src/model/encoder.ts'
import { HardExamples } from '../../src/reward/hard-examples.ts'
import { UserBatches } from '../../src/train/batches.ts'
import { normals } from '../../src/util/random.ts'
import { type Case, peakGB, type Row } from './case.ts'
import { median } from './timing.ts'

const POPULATIONS = [100, 1000, 10_000, 100_000, 1_000_000]
const STEPS = 12
const DIMENSIONS = 384
const BATCH = { rollout: { users: 8 }, reward: { negatives: 7 }, seed: 1 } as ConstructorParameters<
  typeof UserBatches
>[1]
/** People are compared in parts, so that what was drawn of one part is free again. */
const AT_ONCE = 10_000

export const population: Case = async () => {
  const rows: Row[] = []
  for (const count of POPULATIONS) {
    const users = Array.from({ length: count }, (_, i) => ({ id: `${i}` }))
    const hard = new HardExamples(randomEncoder(), { ...HARD, embedder: 'random' })
    for (let start = 0; start < count; start += AT_ONCE)
      await hard.embed(users.slice(start, start + AT_ONCE).map(({ id }) => ({ id, shown: [id], heldOut: [] })))
    const [plain, mined] = [undefined, hard].map((examples) => microsecondsAUser(users, examples))
    rows.push({
      what: `choosing a batch of 8 among ${count.toLocaleString('en')} users, a user`,
      figure: `as they come ${plain.toFixed(1)} µs, mined ${mined.toFixed(0)} µs; peak ${peakGB().toFixed(2)} GB`,
    })
  }
  return rows
}

const HARD = { positives: false, negatives: true, ceiling: 0.98 } as const

/** The median step after the first, which shuffles the epoch. */
function microsecondsAUser(users: readonly ListedUser[], hard: HardExamples | undefined): number {
  const batches = new UserBatches(users, BATCH, hard)
  const steps = Math.min(STEPS, Math.floor(users.length / BATCH.rollout.users))
  const times = Array.from({ length: steps }, (_, step) => {
    const started = performance.now()
    batches.at(step)
    return performance.now() - started
  })
  return (1000 * median(times.slice(1))) / BATCH.rollout.users
}

function randomEncoder(): Encoder {
  let seed = 0
  const vector = () => {
    const drawn = normals(new Float32Array(DIMENSIONS), 1, seed++)
    const length = Math.hypot(...drawn)
    return drawn.map((value) => value / length)
  }
  return {
    info: {
      name: 'random',
      digest: '',
      dimensions: DIMENSIONS,
      maxTokens: 512,
      pooling: 'cls',
      prefixes: { query: '', passage: '' },
    },
    tokenizer: undefined as never,
    encode: async (texts) => ({ vectors: texts.map(vector), tokens: 0 }),
    close: async () => {},
  }
}
