// Batched sampling: prompts are run once, then all sequences of all prompts decode together, each on its prompt's
// shared prefix with a private cache. Finished sequences leave the batch when enough have finished; caches grow by
// buckets.
import type { Completion, SampleOptions, SampleRequest, TokenIds, WeightSet } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { uniform } from '../../util/random.ts'
import { type Cancelled, type Core, computePrefixes, type Prefixes, run, throwIfCancelled } from './core.ts'
import { MASKED } from './empty-prefixes.ts'
import { drawToken, type Restrictions } from './restricted-sampling.ts'
import { type Feeds, f32, floats, longs } from './tensors.ts'

/** Sequences that decode together. */
const BATCH = 64
/** Slots by which a cache grows. */
const BUCKET = 32
/** Scales logits so far apart that the softmax is one at the largest: greedy decoding by the sampling graph. */
const GREEDY = 1e6

/** What a request says of sampling, its defaults filled in. */
export type GenerateOptions = Required<Pick<SampleOptions, 'maxTokens' | 'temperature' | 'stopTokens'>> &
  Pick<SampleOptions, 'allowed'>

interface Sequence {
  request: number
  index: number
  draw: () => number
  tokens: number[]
  logprobs: number[]
  stopReason: 'stop' | 'length' | undefined
}

/** A user of a batch: its row in the prefixes and the slots of its unfinished sequences. */
interface Row {
  prefix: number
  lastPromptToken: number
  slots: (Sequence | undefined)[]
}

/** [request][seed]. */
export async function generate(
  core: Core,
  requests: readonly SampleRequest[],
  options: GenerateOptions,
  weightSet: WeightSet,
  cancelled: Cancelled,
  onTokens: (sampled: number) => void,
): Promise<Completion[][]> {
  const sequences = requests.map(({ seeds }, request) =>
    seeds.map(
      (seed, index): Sequence => ({
        request,
        index,
        draw: uniform(seed),
        tokens: [],
        logprobs: [],
        stopReason: undefined,
      }),
    ),
  )
  for (const { prompt } of requests) checkLength(core, prompt.length, options.maxTokens)
  // Requests with more seeds than a batch holds are cut; their prompt then runs once per cut.
  const pieces = requests.flatMap(({ prompt, seeds }, request) =>
    Array.from({ length: Math.ceil(seeds.length / BATCH) }, (_, i) => ({
      prompt,
      sequences: sequences[request].slice(i * BATCH, (i + 1) * BATCH),
    })),
  )
  let sampled = 0
  const count = (n: number) => {
    sampled += n
    onTokens(sampled)
  }
  for (let at = 0; at < pieces.length; ) {
    let end = at + 1
    const fits = (last: number) => {
      const part = pieces.slice(at, last)
      const widest = Math.max(...part.map((p) => p.sequences.length))
      return (
        part.length * widest <= BATCH && part.length * Math.max(...part.map((p) => p.prompt.length)) <= core.rows.prefix
      )
    }
    while (end < pieces.length && fits(end + 1)) end++
    await generateBatch(core, pieces.slice(at, end), options, weightSet, cancelled, count)
    at = end
  }
  return sequences.map((list) =>
    list.map(({ tokens, logprobs, stopReason }) => ({
      tokens,
      logprobs: Float32Array.from(logprobs),
      stopReason: stopReason ?? 'length',
    })),
  )
}

function checkLength(core: Core, prompt: number, maxTokens: number): void {
  if (prompt === 0) throw new BumpError('invalid-options', 'a prompt to sample from is empty; give at least one token')
  const limit = core.sessions.maxPositions
  if (prompt + maxTokens > limit)
    throw new BumpError(
      'context-exceeded',
      `a prompt of ${prompt} tokens and ${maxTokens} new ones exceed the model's context of ${limit}; shorten the history or the completion`,
    )
}

async function generateBatch(
  core: Core,
  pieces: readonly { prompt: TokenIds; sequences: Sequence[] }[],
  options: GenerateOptions,
  weightSet: WeightSet,
  cancelled: Cancelled,
  onTokens: (n: number) => void,
): Promise<void> {
  throwIfCancelled(cancelled)
  // The last prompt token is the first decoding step of each of its sequences.
  const prefixes = await computePrefixes(
    core,
    pieces.map((p) => p.prompt.slice(0, -1)),
    weightSet,
    'decode',
  )
  let batch = new Batch(
    core,
    prefixes,
    pieces.map((p, u) => ({ prefix: u, lastPromptToken: p.prompt[p.prompt.length - 1], slots: p.sequences })),
  )
  const stops = new Set(options.stopTokens)
  for (let step = 0; step < options.maxTokens; step++) {
    throwIfCancelled(cancelled)
    const active = batch.active()
    if (active === 0) return
    if (active * 4 <= batch.size * 3) batch = batch.compacted()
    await batch.step(options, weightSet)
    for (const sequence of batch.sequences())
      if (stops.has(sequence.tokens[step])) sequence.stopReason = 'stop'
      else if (step === options.maxTokens - 1) sequence.stopReason = 'length'
    onTokens(active)
  }
}

class Batch {
  readonly size: number
  private readonly U: number
  private readonly G: number
  private S = BUCKET
  private length = 0
  private keys: Float32Array[]
  private values: Float32Array[]
  private mask: Float32Array

  constructor(
    private readonly core: Core,
    private readonly prefixes: Prefixes,
    private readonly rows: readonly Row[],
  ) {
    this.U = rows.length
    this.G = Math.max(...rows.map((r) => r.slots.length))
    this.size = this.U * this.G
    const { layers, kvHeads, headDim } = core.config
    const cache = () => Array.from({ length: layers }, () => new Float32Array(this.size * kvHeads * this.S * headDim))
    this.keys = cache()
    this.values = cache()
    this.mask = new Float32Array(this.size * this.S).fill(MASKED)
  }

  /** Unfinished sequences, user by user. */
  *sequences(): Generator<Sequence> {
    for (const row of this.rows) for (const slot of row.slots) if (slot && !slot.stopReason) yield slot
  }

  active(): number {
    return [...this.sequences()].length
  }

  /** One token for every unfinished sequence. */
  async step(options: GenerateOptions, weightSet: WeightSet): Promise<void> {
    const { U, G } = this
    if (this.length === this.S) this.grow()
    const ids = new Int32Array(this.size)
    const positions = new Int32Array(this.size)
    const uniforms = new Float32Array(this.size).fill(0.5)
    const slots: (Sequence | undefined)[] = new Array(this.size)
    this.rows.forEach((row, u) => {
      for (let k = 0; k < G; k++) {
        const at = u * G + k
        const sequence = row.slots[k]
        slots[at] = sequence && !sequence.stopReason ? sequence : undefined
        ids[at] = sequence?.tokens.at(-1) ?? row.lastPromptToken
        positions[at] = this.prefixes.lengths[row.prefix] + this.length
        const live = slots[at]
        // Never 0 or 1, also after rounding to f32.
        if (live) uniforms[at] = Math.min(Math.max(live.draw(), 2 ** -24), 1 - 2 ** -24)
      }
    })
    const { temperature, allowed } = options
    const feeds: Feeds = {
      ...this.prefixes.feeds,
      ids: longs(ids),
      positions: longs(positions, [this.size, 1]),
      groups: longs([U, G]),
      cache_mask: floats(this.mask, [U, 1, G, 1, this.S]),
    }
    const { kvHeads, headDim, layers } = this.core.config
    for (let l = 0; l < layers; l++) {
      feeds[`ck${l}`] = floats(this.keys[l], [U, kvHeads, G, this.S, headDim])
      feeds[`cv${l}`] = floats(this.values[l], [U, kvHeads, G, this.S, headDim])
    }
    if (!allowed) {
      feeds.uniform = floats(uniforms, [this.size, 1])
      feeds.inverse_temperature = floats(Float32Array.of(temperature === 0 ? GREEDY : 1 / temperature), [])
    }
    const result = await run(this.core, { graph: 'decode', head: allowed ? 'logits' : 'sample' }, weightSet, feeds)
    this.keep(result)
    slots.forEach((sequence, at) => {
      if (!sequence) return
      if (allowed) {
        const V = this.core.config.vocab
        const logits = f32(result.logits).subarray(at * V, (at + 1) * V)
        const drawn = drawToken(logits, restrictionsOf(temperature, allowed, sequence.tokens), uniforms[at])
        sequence.tokens.push(drawn.token)
        sequence.logprobs.push(drawn.logprob)
      } else {
        sequence.tokens.push(Number((result.token.data as BigInt64Array)[at]))
        sequence.logprobs.push(f32(result.logprob)[at])
      }
    })
  }

  /** Writes the step's keys and values into the caches. */
  private keep(result: Feeds): void {
    const { kvHeads, headDim: d, layers } = this.core.config
    const R = this.U * kvHeads * this.G
    for (let l = 0; l < layers; l++)
      for (const [name, cache] of [
        [`k${l}`, this.keys[l]],
        [`v${l}`, this.values[l]],
      ] as const) {
        const fresh = f32(result[name])
        for (let row = 0; row < R; row++)
          cache.set(fresh.subarray(row * d, (row + 1) * d), (row * this.S + this.length) * d)
      }
    for (let b = 0; b < this.size; b++) this.mask[b * this.S + this.length] = 0
    this.length++
  }

  private grow(): void {
    const { headDim } = this.core.config
    const S = this.S + BUCKET
    const wider = (data: Float32Array, width: number, fill: number) => {
      const rows = data.length / (this.S * width)
      const out = new Float32Array(rows * S * width).fill(fill)
      for (let row = 0; row < rows; row++)
        out.set(data.subarray(row * this.S * width, (row + 1) * this.S * width), row * S * width)
      return out
    }
    this.keys = this.keys.map((cache) => wider(cache, headDim, 0))
    this.values = this.values.map((cache) => wider(cache, headDim, 0))
    this.mask = wider(this.mask, 1, MASKED)
    this.S = S
  }

  /** A smaller batch of the unfinished sequences alone. */
  compacted(): Batch {
    const kept = this.rows
      .map((row, u) => ({ row, u, columns: row.slots.flatMap((s, k) => (s && !s.stopReason ? [k] : [])) }))
      .filter(({ columns }) => columns.length > 0)
    const rows = kept.map(({ row, columns }) => ({ ...row, slots: columns.map((k) => row.slots[k]) }))
    const G = Math.max(...rows.map((r) => r.slots.length))
    if (rows.length * G === this.size) return this
    const next = new Batch(
      this.core,
      selectPrefixes(
        this.prefixes,
        rows.map((r) => r.prefix),
      ),
      rows.map((r, u) => ({ ...r, prefix: u })),
    )
    next.length = this.length
    while (next.S < this.S) next.grow()
    const { kvHeads, headDim, layers } = this.core.config
    const size = this.S * headDim
    kept.forEach(({ u, columns }, newU) => {
      for (let newK = 0; newK < G; newK++) {
        // A user with fewer sequences repeats its first one in slots that nobody reads.
        const k = columns[newK] ?? columns[0]
        const [from, to] = [u * this.G + k, newU * G + newK]
        next.mask.set(this.mask.subarray(from * this.S, (from + 1) * this.S), to * this.S)
        for (let h = 0; h < kvHeads; h++) {
          const source = ((u * kvHeads + h) * this.G + k) * size
          const target = ((newU * kvHeads + h) * G + newK) * size
          for (let l = 0; l < layers; l++) {
            next.keys[l].set(this.keys[l].subarray(source, source + size), target)
            next.values[l].set(this.values[l].subarray(source, source + size), target)
          }
        }
      }
    })
    return next
  }
}

function selectPrefixes(prefixes: Prefixes, users: readonly number[]): Prefixes {
  if (users.length === prefixes.lengths.length) return prefixes
  const feeds: Feeds = {}
  for (const [name, tensor] of Object.entries(prefixes.feeds)) {
    const size = tensor.size / prefixes.lengths.length
    const data = new Float32Array(users.length * size)
    users.forEach((u, row) => {
      data.set(f32(tensor).subarray(u * size, (u + 1) * size), row * size)
    })
    feeds[name] = floats(data, [users.length, ...tensor.dims.slice(1)])
  }
  return { feeds, lengths: users.map((u) => prefixes.lengths[u]), P: prefixes.P }
}

function restrictionsOf(
  temperature: number,
  { steps, distinct }: NonNullable<GenerateOptions['allowed']>,
  given: readonly number[],
): Restrictions {
  const step = steps[Math.min(given.length, steps.length - 1)]
  return { temperature, allowed: distinct ? step.filter((token) => !given.includes(token)) : step }
}
