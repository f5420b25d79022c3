// AdamW (decoupled weight decay), one tensor at a time, in place.
import type { AdamParams } from '../../model/contract.ts'

/**
 * Step number `step` (from 1): m ← β1·m + (1−β1)·g, v ← β2·v + (1−β2)·g²,
 * x ← x·(1 − lr·decay) − lr·m̂/(√v̂ + eps), with g = scale·gradient.
 */
export function adamwUpdate(
  x: Float32Array,
  gradient: Float32Array,
  m: Float32Array,
  v: Float32Array,
  step: number,
  settings: Omit<AdamParams, 'maxGradNorm'>,
  scale = 1,
): void {
  const { learningRate, beta1, beta2, eps, weightDecay } = settings
  const firstBias = 1 - beta1 ** step
  const secondBias = 1 - beta2 ** step
  const decay = 1 - learningRate * weightDecay
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i] * scale
    m[i] = beta1 * m[i] + (1 - beta1) * g
    v[i] = beta2 * v[i] + (1 - beta2) * g * g
    x[i] = x[i] * decay - (learningRate * (m[i] / firstBias)) / (Math.sqrt(v[i] / secondBias) + eps)
  }
}
