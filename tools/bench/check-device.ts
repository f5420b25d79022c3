// Whether a device computes what the processor does: scores, label logits, sampled tokens and the losses of three steps,
// on small random models and on SmolLM2-135M's shape. Prints a table. The exit code is 1 where the device does not work, 2
// where a bound is exceeded.
//
//   npx tsx tools/bench/check-device.ts webgpu|cuda|cpu
import { chooseDevice, type Device } from '../../src/engine/runtime/device.ts'
import { adam, never, openBench } from './case.ts'
import { type Shape, SMOLLM2_135M, TINY_LLAMA, TINY_QWEN2 } from './shape.ts'

/** Largest difference of a log probability, a logit or a loss. */
const BOUND = 1e-3
/** Share of the sampled tokens that must be the same: rounding may turn a draw. */
const SAME_TOKENS = 0.9

async function everything(shape: Shape, device: Device) {
  const engine = await openBench(shape, { device, trainable: { type: 'lora', rank: 4, alpha: 8, seed: 1 } })
  const text = (start: number, length: number) => Array.from({ length }, (_, i) => 1 + ((start + 37 * i) % 500))
  const prompts = [text(1, 40), text(7, 23)]
  const jobs = prompts.map((prefix) => ({ prefix, continuations: [text(3, 12), text(5, 1)] }))
  const scores = (await engine.score(jobs, 'base', {}, never)).flat().flatMap((logprobs) => [...logprobs])
  const logits = (await engine.labelLogits(prompts, text(0, 16), 'policy', never)).flatMap((row) => [...row])
  const requests = prompts.map((prompt, i) => ({ prompt, seeds: [i, i + 10] }))
  const sampling = { maxTokens: 24, temperature: 1, stopTokens: [] }
  const sampled = await engine.sample(requests, sampling, 'policy', never, () => {})
  const completions = [text(9, 10), text(11, 16)].map((tokens) => ({
    tokens,
    advantage: 1,
    weights: tokens.map(() => 1 / tokens.length),
  }))
  const losses: number[] = []
  for (let step = 0; step < 3; step++) {
    const groups = [{ prompt: prompts[0], completions }]
    losses.push((await engine.forwardBackward(groups, { type: 'cross_entropy' }, never)).loss)
    engine.optimStep({ ...adam, learningRate: 1e-2 })
  }
  await engine.close()
  return { scores, logits, losses, tokens: sampled.flat().flatMap(({ tokens }) => tokens) }
}

const device = process.argv[2] as Device
try {
  await chooseDevice(device)
} catch (error) {
  console.log((error as Error).message)
  process.exit(1)
}
console.log(`Largest difference from the processor, at most ${BOUND}; sampled tokens that are the same.\n`)
console.log('| shape | scores | logits | losses of three steps | same tokens |\n| --- | --- | --- | --- | --- |')
for (const shape of [TINY_LLAMA, TINY_QWEN2, SMOLLM2_135M]) {
  const [cpu, other] = [await everything(shape, 'cpu'), await everything(shape, device)]
  const farthest = (['scores', 'logits', 'losses'] as const).map((key) =>
    Math.max(...cpu[key].map((value, i) => Math.abs(value - other[key][i]))),
  )
  const same = cpu.tokens.filter((token, i) => token === other.tokens[i]).length
  const figures = farthest.map((value) => value.toExponential(1))
  console.log(`| ${[shape.name, ...figures, `${same} of ${cpu.tokens.length}`].join(' | ')} |`)
  // NaN is not within the bound either.
  if (!farthest.every((value) => value <= BOUND) || same < SAME_TOKENS * cpu.tokens.length) process.exitCode = 2
}
