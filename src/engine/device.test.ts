// What a GPU computes, beside the processor. It runs where BUMP_TEST_DEVICE names one: BUMP_TEST_DEVICE=webgpu npm test
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Engine } from './engine.ts'
import type { Device } from './runtime/device.ts'
import { useTemporaryCache } from './testing/core.ts'

const asked = process.env.BUMP_TEST_DEVICE
const never = () => false
const prompts = [
  [1, 5, 9, 3, 7, 2, 8, 20, 11],
  [1, 5, 9, 3, 4],
]
const sampling = { maxTokens: 6, temperature: 1, stopTokens: [] }
const adam = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 }

useTemporaryCache()

/** Scores, label logits, sampled tokens, and the losses of three steps. */
async function everything(device: Device, name: string) {
  const engine = await Engine.open(fileURLToPath(new URL(`golden/${name}`, import.meta.url)), {
    device,
    threads: 1,
    trainable: { type: 'lora', rank: 4, alpha: 8, seed: 1 },
  })
  const jobs = prompts.map((prefix) => ({ prefix, continuations: [[3, 4, 5, 6], [9]] }))
  const scores = (await engine.score(jobs, 'base', {}, never)).flat().flatMap((logprobs) => [...logprobs])
  const logits = (await engine.labelLogits(prompts, [1, 2, 3], 'policy', never)).flatMap((row) => [...row])
  const rollouts = prompts.map((prompt, i) => ({ prompt, seeds: [i, i + 10] }))
  const sampled = await engine.sample(rollouts, sampling, 'policy', never, () => {})
  const completions = [{ tokens: [3, 4, 5], advantage: 1, weights: [1, 1, 1] }]
  const losses: number[] = []
  for (let step = 0; step < 3; step++) {
    losses.push(
      (await engine.forwardBackward([{ prompt: prompts[0], completions }], { type: 'cross_entropy' }, never)).loss,
    )
    engine.optimStep(adam)
  }
  await engine.close()
  return { numbers: [...scores, ...logits, ...losses], tokens: sampled.flat().map(({ tokens }) => tokens) }
}

describe.skipIf(!asked)(`on ${asked}`, () => {
  it.each(['tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])(
    '%s scores, samples and trains as on the processor',
    async (name) => {
      const [cpu, gpu] = [await everything('cpu', name), await everything(asked as Device, name)]
      expect(gpu.tokens).toEqual(cpu.tokens)
      gpu.numbers.forEach((value, i) => {
        expect(Math.abs(value - cpu.numbers[i])).toBeLessThan(1e-4)
      })
    },
  )
})
