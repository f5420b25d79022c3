// How much memory a run with a model will take, from its shape alone: what the choice of training layer by layer rests on.
// The factors are counted from the graphs; memory.test.ts holds them to what was measured.
import { totalmem } from 'node:os'
import { BumpError } from '../util/errors.ts'
import { type ModelConfig, PROJECTIONS, projectionShape, weightShapes } from './config.ts'
import { HEAD_CHUNKS } from './model/loss-head.ts'

/** Rows of a training micro-batch where nothing else is said. */
export const DEFAULT_ROWS = 1024
/** Rows of one forward run over prefixes: bounds the memory of activations, keys and values. */
export const PREFIX_ROWS = 4096
/** Rows of one run over suffixes: bounds the memory of logits (2048 rows in four chunks of 49152 floats: 100 MB). */
export const SUFFIX_ROWS = 2048

interface MemoryOptions {
  /** Rows of a training micro-batch. */
  rows: number
  /** Rank of the adapter, on all projections; undefined for full fine-tuning. */
  rank: number | undefined
  /** Layer by layer, and no private copy of the weights for decoding. */
  lowMemory: boolean
}

/** Bytes, by what takes them. The weights are mapped from a file: they are counted once, however many graphs map them. */
export interface MemoryEstimate {
  total: number
  parts: Record<'process' | 'weights' | 'decoding' | 'training state' | 'activations', number>
}

const FLOAT = 4
/** Node, the runtime's library and its threads. */
const PROCESS = 120e6
/** Positions that a row attends to, of a usual profile prompt. */
const ATTENDED = 300

const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)

/** Floats that one row keeps in one layer until its backward pass: norms and projections, the gated block, attention. */
function floatsPerRow({ hidden, ffn, heads }: ModelConfig): number {
  return 12 * hidden + 4 * ffn + 2 * heads * ATTENDED
}

/** Peak memory of training with sampling and scoring on the same model. */
export function estimateMemory(c: ModelConfig, { rows, rank, lowMemory }: MemoryOptions): MemoryEstimate {
  const weights = [...weightShapes(c).values()].reduce((sum, dims) => sum + size(dims), 0)
  const projections = PROJECTIONS.map((projection) => projectionShape(c, projection))
  const linear = c.layers * projections.reduce((sum, shape) => sum + size(shape), 0)
  const trained =
    rank === undefined
      ? weights
      : c.layers * rank * projections.reduce((sum, [inputs, outputs]) => sum + inputs + outputs, 0)
  // Three tensors of a chunk's logits live at a time.
  const head = (count: number) => ((3 * count) / HEAD_CHUNKS) * c.vocab
  const layer = rows * floatsPerRow(c)
  const training = lowMemory
    ? rows * c.hidden * c.layers + 2 * layer + head(rows) + linear / c.layers
    : c.layers * layer + head(rows)
  // Keys and values leave the runtime as copies.
  const prefixes = 2 * PREFIX_ROWS * c.layers * 2 * c.kvHeads * c.headDim
  const scoring = prefixes + SUFFIX_ROWS * floatsPerRow(c) + head(SUFFIX_ROWS)
  const parts = {
    process: PROCESS,
    weights: FLOAT * weights,
    // One copy for the policy and one for the base.
    decoding: lowMemory ? 0 : 2 * FLOAT * linear,
    // The tensors themselves, gradients of a micro-batch and their sum, two moments.
    'training state': 5 * FLOAT * trained,
    activations: FLOAT * Math.max(training, scoring),
  }
  return { total: Object.values(parts).reduce((a, b) => a + b, 0), parts }
}

/** An estimate as people read it: '3.9 GB (weights 0.5, decoding 0.8, …)'. */
export function describeMemory({ total, parts }: MemoryEstimate): string {
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1)
  const listed = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`)
  return `${gigabytes(total)} GB (${listed.join(', ')})`
}

/** What EngineOptions says about memory. */
export interface MemoryRequest {
  trainable?: { type: 'lora'; rank: number } | { type: 'full' }
  /** Bytes. */
  memory?: number
  /** Rows of a training micro-batch. */
  tokenBudget?: number
}

/** Memory of the machine, or of the container that this process runs in. */
function availableMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/**
 * Whether training goes layer by layer, and what it will take; no estimate for a model opened for inference.
 * Throws BumpError where not even that fits a bound that was asked for; the machine's own memory is no such bound, since
 * mapped weights can leave it.
 */
export function planMemory(
  where: string,
  config: ModelConfig,
  { trainable, memory, tokenBudget: rows = DEFAULT_ROWS }: MemoryRequest,
): { lowMemory: boolean; estimate: MemoryEstimate | undefined } {
  if (!trainable) return { lowMemory: false, estimate: undefined }
  const rank = trainable.type === 'lora' ? trainable.rank : undefined
  const whole = estimateMemory(config, { rows, rank, lowMemory: false })
  if (whole.total <= (memory ?? 0.9 * availableMemory())) return { lowMemory: false, estimate: whole }
  const least = rank === undefined ? whole : estimateMemory(config, { rows, rank, lowMemory: true })
  if (memory !== undefined && least.total > memory)
    throw new BumpError(
      `training ${where} takes about ${describeMemory(least)}${rank === undefined ? '' : ', layer by layer'}, more than the ${(memory / 1e9).toFixed(1)} GB that it may take: allow more (--memory), ${rank === undefined ? 'train an adapter (trainable.type: lora)' : 'lower the rank'}, or take a smaller model`,
    )
  return { lowMemory: rank !== undefined, estimate: least }
}
