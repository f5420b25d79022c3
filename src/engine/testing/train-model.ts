// The training graph of a tiny random model in either precision, run over all micro-batches of some groups: for tests
// of gradients and losses.
import type { TokenLoss } from '../../model/contract.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import type { ModelConfig } from '../model/config.ts'
import type { WeightBinding } from '../model/layer.ts'
import { lossKind } from '../model/loss-head.ts'
import { buildTrainGraph } from '../model/train-graph.ts'
import { InferenceSession } from '../runtime/onnx-runtime.ts'
import { makePacks, type PackGroup, packFeeds } from '../runtime/pack.ts'
import { type Arrays, feedArrays, randomWeights, TINY_LORA } from './tiny.ts'

interface RunOptions {
  /** Rows of a micro-batch. */
  budget?: number
  /** Outputs that are asked for; default: all. */
  outputs?: string[]
}

export class TrainModel {
  private readonly sessions = new Map<string, InferenceSession>()
  readonly arrays: Arrays

  constructor(
    readonly config: ModelConfig,
    readonly precision: 'f32' | 'f64',
    readonly train: 'lora' | 'full',
    readonly onGpu = false,
  ) {
    this.arrays = randomWeights(config, precision, train === 'lora' ? TINY_LORA : undefined)
  }

  /** Loss, gradients by tensor name and log probabilities [group][completion][token], summed over micro-batches. */
  async run(groups: PackGroup[], loss: TokenLoss, { budget = 1000, outputs }: RunOptions = {}) {
    const key = JSON.stringify(lossKind(loss))
    let session = this.sessions.get(key)
    if (!session) {
      const binding: WeightBinding = {
        base: 'fed',
        train: this.train,
        ...(this.train === 'lora' ? { lora: TINY_LORA } : {}),
      }
      const { precision, onGpu } = this
      const { bytes } = buildTrainGraph(this.config, binding, lossKind(loss), { precision, onGpu, maxPositions: 128 })
      session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
      this.sessions.set(key, session)
    }
    const total = { loss: 0, gradients: new Map<string, Float64Array>(), logprobs: [] as number[][][] }
    for (const pack of makePacks(groups, budget)) {
      const { feeds, order } = packFeeds(this.config, pack, loss, this.precision)
      const result = await session.run({ ...feedArrays(this.arrays), ...feeds }, outputs ?? session.outputNames)
      if (result.loss) total.loss += Number((result.loss.data as Float64Array)[0])
      for (const [name, tensor] of Object.entries(result)) {
        if (!name.startsWith('d.')) continue
        const data = tensor.data as Float64Array
        const sum = total.gradients.get(name.slice(2)) ?? new Float64Array(data.length)
        for (let i = 0; i < data.length; i++) sum[i] += data[i]
        total.gradients.set(name.slice(2), sum)
      }
      if (result.logprobs)
        order.forEach(({ group, completion, token }, i) => {
          total.logprobs[group] ??= []
          total.logprobs[group][completion] ??= []
          total.logprobs[group][completion][token] = Number((result.logprobs.data as Float64Array)[i])
        })
    }
    return total
  }
}

/**
 * Two groups of unequal prompt and completion lengths; old and reference log probabilities scattered around `logprobs`
 * [group][completion][token] (default: 0), so that some ratios are clipped.
 */
export function someGroups(c: ModelConfig, logprobs?: number[][][]): PackGroup[] {
  const next = uniform(seedFrom('groups'))
  const tokens = (n: number) => Array.from({ length: n }, () => Math.floor(next() * c.vocab))
  return [
    [7, [5, 3, 6]],
    [4, [2, 4, 1]],
  ].map(([promptLength, lengths], g) => ({
    prompt: tokens(promptLength as number),
    completions: (lengths as number[]).map((length, k) => {
      const around = (spread: number) =>
        Array.from({ length }, (_, t) => (logprobs?.[g][k][t] ?? 0) + (next() - 0.5) * spread)
      return {
        tokens: tokens(length),
        advantage: next() * 2 - 1,
        weights: Array.from({ length }, () => next()),
        oldLogprobs: around(0.6),
        refLogprobs: around(1),
      }
    }),
  }))
}
