// Training data laid out for the training graph: groups packed into micro-batches under a token budget, and the feeds
// of one micro-batch. The prompt of a group stands once for all its completions (see model/packed-attention.ts).
import type { TokenLoss } from '../../model/contract.ts'
import type { ModelConfig } from '../model/config.ts'
import { HEAD_CHUNKS, lossKind, OWN_LOGPROB } from '../model/loss-head.ts'
import { rotaryRows } from '../model/rope.ts'
import { type Feeds, floats, longs } from './tensors.ts'

interface PackCompletion {
  tokens: ArrayLike<number>
  advantage: number
  weights: ArrayLike<number>
  oldLogprobs?: ArrayLike<number>
  refLogprobs?: ArrayLike<number>
}

export interface PackGroup {
  prompt: ArrayLike<number>
  completions: readonly PackCompletion[]
}

/** A completion and where its results belong: [group][completion] of the caller's list. */
interface PackedCompletion {
  group: number
  completion: number
  data: PackCompletion
}

/** One micro-batch: U prompts with their completions, padded to common lengths. */
export interface Pack {
  prompts: ArrayLike<number>[]
  /** [U][≤ G] */
  completions: PackedCompletion[][]
  P: number
  G: number
  /** Completion positions computed: the last token predicts nothing, so one less than the longest completion. */
  T: number
}

const positionsOf = (completions: readonly { data: PackCompletion }[]) =>
  Math.max(1, ...completions.map((c) => c.data.tokens.length - 1))

const rowsOf = (U: number, P: number, G: number, T: number) => U * (P + G * T)

/**
 * Packs of at most `tokenBudget` rows (a single prompt with one completion may exceed it). Groups of similar lengths go
 * together; a group too large for the budget is split, its prompt repeated.
 */
export function makePacks(groups: readonly PackGroup[], tokenBudget: number): Pack[] {
  const parts: { prompt: ArrayLike<number>; completions: PackedCompletion[] }[] = []
  groups.forEach((group, g) => {
    const packed = group.completions.map((data, completion) => ({ group: g, completion, data }))
    const T = positionsOf(packed)
    const fitting = Math.max(1, Math.floor((tokenBudget - group.prompt.length) / T))
    const pieces = Math.ceil(packed.length / fitting)
    const size = Math.ceil(packed.length / pieces)
    for (let i = 0; i < packed.length; i += size)
      parts.push({ prompt: group.prompt, completions: packed.slice(i, i + size) })
  })
  parts.sort((a, b) => a.prompt.length - b.prompt.length || positionsOf(a.completions) - positionsOf(b.completions))
  const packs: Pack[] = []
  for (const part of parts) {
    const last = packs.at(-1)
    const P = Math.max(last?.P ?? 0, part.prompt.length)
    const G = Math.max(last?.G ?? 0, part.completions.length)
    const T = Math.max(last?.T ?? 0, positionsOf(part.completions))
    if (last && rowsOf(last.prompts.length + 1, P, G, T) <= tokenBudget) {
      last.prompts.push(part.prompt)
      last.completions.push(part.completions)
      Object.assign(last, { P, G, T })
    } else
      packs.push({
        prompts: [part.prompt],
        completions: [part.completions],
        P: part.prompt.length,
        G: part.completions.length,
        T: positionsOf(part.completions),
      })
  }
  return packs
}

/** Feeds of one micro-batch, and for every selected row the completion and token that it stands for. */
export function packFeeds(
  c: ModelConfig,
  pack: Pack,
  loss: TokenLoss,
  precision: 'f32' | 'f64',
): { feeds: Feeds; order: { group: number; completion: number; token: number }[] } {
  const kind = lossKind(loss)
  const { P, G, T } = pack
  const U = pack.prompts.length
  const Floats = precision === 'f64' ? Float64Array : Float32Array
  const ids = new Int32Array(rowsOf(U, P, G, T))
  const positions = new Int32Array(ids.length)
  const promptMask = new Floats(U * P)
  const rows: number[] = []
  const targets: number[] = []
  const columns = { weight: [] as number[], advantage: [] as number[], old: [] as number[], reference: [] as number[] }
  const order: { group: number; completion: number; token: number }[] = []
  const sequenceStarts: number[] = []

  pack.prompts.forEach((prompt, u) => {
    for (let p = 0; p < P; p++) {
      positions[u * P + p] = p
      if (p < prompt.length) ids[u * P + p] = prompt[p]
      else promptMask[u * P + p] = -1e9
    }
    for (let k = 0; k < G; k++) {
      const start = U * P + (u * G + k) * T
      for (let t = 0; t < T; t++) positions[start + t] = prompt.length + t
      const packed = pack.completions[u][k]
      if (!packed) continue
      const { data } = packed
      sequenceStarts.push(rows.length)
      for (let t = 0; t < data.tokens.length; t++) {
        if (t < data.tokens.length - 1) ids[start + t] = data.tokens[t]
        rows.push(t === 0 ? u * P + prompt.length - 1 : start + t - 1)
        targets.push(data.tokens[t])
        columns.weight.push(data.weights[t])
        columns.advantage.push(data.advantage)
        columns.old.push(data.oldLogprobs?.[t] ?? OWN_LOGPROB)
        columns.reference.push(data.refLogprobs?.[t] ?? 0)
        order.push({ group: packed.group, completion: packed.completion, token: t })
      }
    }
  })
  const counted = rows.length
  while (rows.length % HEAD_CHUNKS !== 0) {
    // Padding repeats the first row with weight 0.
    rows.push(rows[0])
    targets.push(targets[0])
    columns.weight.push(0)
    for (const name of ['advantage', 'old', 'reference'] as const) columns[name].push(columns[name][0])
  }
  const M = rows.length
  const feeds: Feeds = {
    ids: longs(ids),
    pack: longs([U, P, G, T]),
    prompt_mask: floats(promptMask, [U, 1, 1, P]),
    rows: longs(rows),
    targets: longs(targets),
    weight: floats(Floats.from(columns.weight), [M, 1]),
  }
  if (precision === 'f32') feeds.positions = longs(positions, [positions.length, 1])
  else
    for (const [name, { data, dims }] of Object.entries(rotaryRows(c, Array.from(positions))))
      feeds[name] = floats(data, dims)
  if (loss.type !== 'cross_entropy') {
    const number = (x: number) => floats(Floats.of(x), [])
    feeds.inverse_temperature = number(1 / (loss.temperature ?? 1))
    feeds.clip_high = number(loss.clipHigh)
    if (loss.type === 'ppo') feeds.clip_low = number(loss.clipLow)
    if (kind.kl) feeds.beta = number(loss.klCoef ?? 0)
    feeds.advantage = floats(Floats.from(columns.advantage), [M, 1])
    feeds.old = floats(Floats.from(columns.old), [M, 1])
    if (kind.kl) feeds.reference = floats(Floats.from(columns.reference), [M, 1])
    if (kind.sequenceRatio) Object.assign(feeds, sequenceFeeds(sequenceStarts, counted, columns.weight, M, Floats))
  }
  return { feeds, order }
}

/** Averages over each completion's tokens of weight above 0, as a pair of small matrices. */
function sequenceFeeds(
  starts: readonly number[],
  counted: number,
  weight: readonly number[],
  M: number,
  Floats: typeof Float32Array | typeof Float64Array,
): Feeds {
  const S = starts.length
  const mean = new Floats(S * M)
  const spread = new Floats(M * S)
  starts.forEach((start, s) => {
    const end = starts[s + 1] ?? counted
    let length = 0
    for (let i = start; i < end; i++) if (weight[i] > 0) length++
    for (let i = start; i < end; i++) {
      if (weight[i] > 0) mean[s * M + i] = 1 / length
      spread[i * S + s] = 1
    }
  })
  return { sequence_mean: floats(mean, [S, M]), sequence_spread: floats(spread, [M, S]) }
}
