// Training on the embedded engine: gradients accumulated over micro-batches, AdamW in place on the trained tensors.
import type { AdamParams, ForwardBackwardResult, TokenLoss } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { type LossKind, lossKind } from '../model/loss-head.ts'
import { adamwUpdate } from './adamw.ts'
import { type Cancelled, type Core, throwIfCancelled } from './core.ts'
import type { LayerWise, MicroBatchResult } from './layer-wise.ts'
import type { OwnedTensor } from './model-weights.ts'
import { makePacks, type PackGroup, packFeeds } from './pack.ts'
import { type Feeds, f32 } from './tensors.ts'

/** Moments of AdamW, by tensor name. */
export interface OptimiserState {
  step: number
  first: Map<string, OwnedTensor>
  second: Map<string, OwnedTensor>
}

export class Trainer {
  private readonly accumulated = new Map<string, Float32Array>()
  state: OptimiserState = { step: 0, first: new Map(), second: new Map() }

  constructor(
    private readonly core: Core,
    /** Rows of a micro-batch: prompts and completions together. */
    private readonly tokenBudget: number,
    /** Runs instead of the one training graph where memory is short. */
    private readonly layerWise?: LayerWise,
  ) {}

  /**
   * Adds the gradient of the loss; returns the loss and, per completion token, log probability and entropy.
   * Where it is cancelled or fails, everything accumulated is dropped: a part of a gradient is of no use.
   */
  async forwardBackward(
    groups: readonly PackGroup[],
    loss: TokenLoss,
    cancelled: Cancelled,
  ): Promise<ForwardBackwardResult> {
    try {
      return await this.accumulate(groups, loss, cancelled)
    } catch (error) {
      this.accumulated.clear()
      throw error
    }
  }

  private async accumulate(
    groups: readonly PackGroup[],
    loss: TokenLoss,
    cancelled: Cancelled,
  ): Promise<ForwardBackwardResult> {
    const { core } = this
    const kind = lossKind(loss)
    const completions = groups.map((group) =>
      group.completions.map((c) => ({
        logprobs: new Float32Array(c.tokens.length),
        entropy: new Float32Array(c.tokens.length),
      })),
    )
    let total = 0
    for (const pack of makePacks(groups, this.tokenBudget)) {
      throwIfCancelled(cancelled)
      const { feeds, order } = packFeeds(core.config, pack, loss, 'f32')
      const { loss: part, logprobs, entropy, gradients } = await this.microBatch(feeds, kind)
      total += part
      order.forEach(({ group, completion, token }, i) => {
        completions[group][completion].logprobs[token] = logprobs[i]
        completions[group][completion].entropy[token] = entropy[i]
      })
      for (const [name, gradient] of gradients) {
        const sum = this.accumulated.get(name)
        if (!sum) this.accumulated.set(name, gradient.slice())
        else for (let i = 0; i < sum.length; i++) sum[i] += gradient[i]
      }
    }
    return { loss: total, completions }
  }

  private async microBatch(inputs: Feeds, kind: LossKind): Promise<MicroBatchResult> {
    if (this.layerWise) return this.layerWise.run(inputs, kind)
    const { sessions, weights, quantized } = this.core
    const session = await sessions.get({ graph: 'train', loss: kind }, weights.trainBinding(quantized))
    const result = await session.run({ ...weights.feeds('policy'), ...inputs })
    return {
      loss: f32(result.loss)[0],
      logprobs: f32(result.logprobs),
      entropy: f32(result.entropy),
      gradients: new Map([...weights.trained.keys()].map((name) => [name, f32(result[`d.${name}`])])),
    }
  }

  /** Forgets what forwardBackward has accumulated. */
  dropGradient(): void {
    this.accumulated.clear()
  }

  /**
   * One AdamW step (decoupled decay, on matrices only: norms and biases are not decayed) on the accumulated gradient,
   * which is cleared. Returns the gradient's norm before clipping.
   */
  step(adam: AdamParams): { gradNorm: number } {
    let square = 0
    for (const gradient of this.accumulated.values())
      for (let i = 0; i < gradient.length; i++) square += gradient[i] ** 2
    const gradNorm = Math.sqrt(square)
    if (!Number.isFinite(gradNorm)) {
      this.accumulated.clear()
      throw new BumpError(
        'training-failed',
        `the gradient is not finite (norm ${gradNorm}), so no step was made; lower the learning rate`,
      )
    }
    const scale = adam.maxGradNorm > 0 && gradNorm > adam.maxGradNorm ? adam.maxGradNorm / (gradNorm + 1e-6) : 1
    const { state } = this
    state.step++
    for (const [name, gradient] of this.accumulated) {
      const { data, dims } = this.core.weights.trained.get(name)!
      const weightDecay = dims.length > 1 ? adam.weightDecay : 0
      const m = moment(state.first, name, dims)
      const v = moment(state.second, name, dims)
      adamwUpdate(data, gradient, m, v, state.step, { ...adam, weightDecay }, scale)
    }
    this.accumulated.clear()
    return { gradNorm }
  }
}

function moment(moments: Map<string, OwnedTensor>, name: string, dims: number[]): Float32Array {
  let tensor = moments.get(name)
  if (!tensor) {
    tensor = { dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }
    moments.set(name, tensor)
  }
  return tensor.data
}
