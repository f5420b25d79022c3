// How much memory a run with a model will take, from its shape alone, and the fastest mode of running that fits.
// The factors are counted from the graphs; memory.test.ts holds them to what was measured.
import { totalmem } from 'node:os'
import { PROJECTIONS, type Precision, type Quantize } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { type ModelConfig, projectionShape, weightShapes } from '../model/config.ts'
import { HEAD_CHUNKS } from '../model/loss-head.ts'

/** How many rows (tokens) run at once: what bounds the memory of activations. */
export interface Rows {
  /** Of a training micro-batch. */
  train: number
  /** Of prefixes whose keys and values are kept. */
  prefix: number
  /** Of the texts that follow prefixes: 2048 rows in four chunks of 49152 logits are 100 MB. */
  suffix: number
}

/** Where memory allows it. */
export const ROWS: Rows = { train: 1024, prefix: 4096, suffix: 2048 }
const HALF: Rows = { train: 512, prefix: 2048, suffix: 1024 }
/** With these, scoring takes as much as training. */
const LEAST: Rows = { train: 384, prefix: 512, suffix: 512 }

/** How a model is run: what costs memory and saves time. */
interface RunMode {
  rows: Rows
  /** Training goes layer by layer. */
  layerWise: boolean
  /** Decoding reads a private copy of the weights, laid out for speed. */
  prepack: boolean
}

/**
 * From the fastest to the smallest. Without its copy, decoding takes up to twice as long, but rollouts are a fifth of a
 * step; with half the rows a long prompt is computed for fewer completions at once; layer by layer, the forward pass
 * runs twice.
 */
const MODES: readonly RunMode[] = [
  { rows: ROWS, layerWise: false, prepack: true },
  { rows: ROWS, layerWise: false, prepack: false },
  { rows: HALF, layerWise: false, prepack: true },
  { rows: HALF, layerWise: false, prepack: false },
  { rows: ROWS, layerWise: true, prepack: false },
  { rows: HALF, layerWise: true, prepack: false },
  { rows: LEAST, layerWise: true, prepack: false },
]

interface MemoryOptions extends RunMode {
  /** Rank of the adapter, on all projections; undefined for full fine-tuning. */
  rank: number | undefined
  quantize?: Quantize
  precision?: Precision
}

/**
 * Bytes, by what takes them. The weights are mapped from a file: they are counted once, however many graphs map them.
 */
export interface MemoryEstimate {
  total: number
  parts: Partial<Record<'process' | 'weights' | 'decoding' | 'training state' | 'activations', number>>
}

const FLOAT = 4
/**
 * Node, the runtime with its graphs, the log and the tokenizer: a run of the nano model on 446 authors takes 0.46 GB.
 */
const PROCESS = 400e6
/** What of it Node and the runtime take, a token of the tokenizer's vocabulary, and the reader of logs. */
const RUNTIME = 260e6
const TOKENIZER = 1000
const LOGS = 300e6
/** Positions that a row attends to, of a usual profile prompt. */
const ATTENDED = 300

const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)

/**
 * Floats that one row keeps in one layer until its backward pass: norms and projections, the gated block, attention.
 */
function floatsPerRow({ hidden, ffn, heads }: ModelConfig): number {
  return 12 * hidden + 4 * ffn + 2 * heads * ATTENDED
}

/** Three tensors of a chunk's logits live at a time; five where probabilities become two bytes. */
const logitFloats = (c: ModelConfig, rows: number, tensors = 3) => ((tensors * rows) / HEAD_CHUNKS) * c.vocab

/** Floats of scoring; keys and values of prefixes leave the runtime as copies. */
function scoringFloats(c: ModelConfig, rows: Rows): number {
  const prefixes = 2 * rows.prefix * c.layers * 2 * c.kvHeads * c.headDim
  return prefixes + rows.suffix * floatsPerRow(c) + logitFloats(c, rows.suffix)
}

/** Copies in 8 bits: two for decoding and two for scoring, two of the four with the head. */
const copiedBytes = (c: ModelConfig, linear: number) => 4 * linear + 2 * c.vocab * c.hidden

/**
 * Floats of prompts that are sampled from. Their keys and values leave the runtime as copies; where there are more
 * prompts than run at once, those of the prompts before may be there still.
 */
function promptFloats(c: ModelConfig, promptTokens: number, rows: Rows): number {
  const copies = promptTokens > rows.prefix ? 4 : 2
  const keysAndValues = copies * c.layers * 2 * c.kvHeads * c.headDim
  return Math.min(promptTokens, rows.prefix) * (keysAndValues + 2 * c.hidden + 3 * c.ffn + 2 * c.heads * ATTENDED)
}

/** Peak memory of training with sampling and scoring on the same model. */
export function estimateMemory(
  c: ModelConfig,
  { rows, rank, layerWise, prepack, quantize = 'none', precision = 'f32' }: MemoryOptions,
): MemoryEstimate {
  const weights = [...weightShapes(c).values()].reduce((sum, dims) => sum + size(dims), 0)
  const projections = PROJECTIONS.map((projection) => projectionShape(c, projection))
  const linear = c.layers * projections.reduce((sum, shape) => sum + size(shape), 0)
  const trained =
    rank === undefined
      ? weights
      : c.layers * rank * projections.reduce((sum, [inputs, outputs]) => sum + inputs + outputs, 0)
  const table = c.vocab * c.hidden
  const integers = precision === 'int8'
  const head = (count: number) => logitFloats(c, count, integers ? 5 : 3)
  const layer = rows.train * floatsPerRow(c)
  const training = layerWise
    ? rows.train * c.hidden * c.layers + 2 * layer + head(rows.train) + linear / c.layers
    : c.layers * layer + head(rows.train)
  const scoring = scoringFloats(c, rows)
  // Full fine-tuning feeds the base from memory instead.
  const exactCopies = rank === undefined || prepack ? FLOAT * weights : 0
  const parts = {
    process: PROCESS,
    // In 8 bits, all but the embedding in two orientations.
    weights: integers ? 2 * linear + (c.tiedHead ? 2 : 3) * table : FLOAT * weights,
    decoding: quantize === 'none' ? exactCopies : prepack ? copiedBytes(c, linear) : integers ? 0 : weights,
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

/**
 * From the fastest to the smallest, where nothing is trained. In 8 bits, prefixes and scores take a fifth longer
 * without copies, a step of one sequence twice as long.
 */
const INFERENCE_MODES: readonly RunMode[] = [
  { rows: ROWS, layerWise: false, prepack: true },
  { rows: ROWS, layerWise: false, prepack: false },
  { rows: HALF, layerWise: false, prepack: false },
  { rows: LEAST, layerWise: false, prepack: false },
]

/** Peak memory of sampling and scoring, or of sampling alone, where nothing is trained. */
export function estimateInference(
  c: ModelConfig,
  { rows, prepack }: RunMode,
  { quantize = 'none', promptTokens }: Pick<MemoryRequest, 'quantize' | 'promptTokens'>,
): MemoryEstimate {
  const weights = [...weightShapes(c).values()].reduce((sum, dims) => sum + size(dims), 0)
  const table = c.vocab * c.hidden
  const linear = weights - (c.tiedHead ? 1 : 2) * table
  const samples = promptTokens !== undefined
  // Of an embedding that is not the head, few rows are read.
  const read = linear + table
  // Sessions that have their copies have no need of the file, but for the embedding. To sample takes one for prompts and
  // one that decodes.
  const copied = samples ? 2 * linear + table : copiedBytes(c, linear) + table
  const parts = {
    // A few prompts are no log.
    process: RUNTIME + TOKENIZER * c.vocab + (Number.isFinite(promptTokens) ? 0 : LOGS),
    // Exact weights are copied for decoding alone.
    ...(quantize === 'none'
      ? { weights: FLOAT * read, decoding: prepack ? FLOAT * read : 0 }
      : { weights: prepack ? copied : read }),
    activations: FLOAT * (samples ? promptFloats(c, promptTokens, rows) : scoringFloats(c, rows)),
  }
  return { total: Object.values(parts).reduce((a, b) => a + b, 0), parts }
}

/** What EngineOptions says about memory. */
export interface MemoryRequest {
  trainable?: { type: 'lora'; rank: number } | { type: 'full' }
  quantize?: Quantize
  precision?: Precision
  /** Bytes. */
  memory?: number
  /** Where nothing is trained or scored: tokens of the prompts that are sampled from at once. */
  promptTokens?: number
}

/** Memory of the machine, or of the container that this process runs in. */
function availableMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** How a model runs in the memory there is. */
export interface MemoryPlan extends RunMode {
  estimate: MemoryEstimate
}

/**
 * The fastest way to run that fits. Throws BumpError where not even the smallest fits a bound that was asked for; the
 * machine's own memory is no such bound, since mapped weights can leave it.
 */
export function planMemory(model: string, config: ModelConfig, request: MemoryRequest): MemoryPlan {
  const { trainable, quantize = 'none', precision, memory, promptTokens = Number.POSITIVE_INFINITY } = request
  const rank = trainable?.type === 'lora' ? trainable.rank : undefined
  const plans = trainable
    ? MODES.filter(({ layerWise }) => rank !== undefined || !layerWise).map((mode) => ({
        ...mode,
        estimate: estimateMemory(config, { ...mode, rank, quantize, precision }),
      }))
    : INFERENCE_MODES.map((mode) => ({
        ...mode,
        rows: { ...mode.rows, prefix: Math.min(mode.rows.prefix, promptTokens) },
        estimate: estimateInference(config, mode, request),
      }))
  const limit = memory ?? 0.9 * availableMemory()
  const fitting = plans.find(({ estimate }) => estimate.total <= limit)
  if (fitting) return fitting
  const least = plans[plans.length - 1]
  if (memory === undefined) return least
  const lighter = quantize === 'none' ? 'read the weights in 8 bits (quantize: int8), ' : ''
  const cure =
    rank !== undefined ? 'lower the rank, ' : trainable ? 'train an adapter (trainable.type: lora), ' : lighter
  throw new BumpError(
    'out-of-memory',
    `${trainable ? 'training' : 'running'} ${model} takes about ${describeMemory(least.estimate)}${least.layerWise ? ', layer by layer' : ''}, more than the ${(memory / 1e9).toFixed(1)} GB that it may take: allow more memory, ${cure}or take a smaller model`,
  )
}
