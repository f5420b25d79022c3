// How far the gradient of an adapter by weights in 8 bits (`precision: int8`) is from that by the exact weights, on a
// batch such as GRPO has: histories of real users as prompts, what the model samples after them, advantages of both
// signs. Prints the cosine of the whole gradients and that of each kind of tensor, the ratio of their norms, and the mean
// change of a token's log probability.
//
//   npx tsx tools/bench/compare-gradients.ts <model> <logs> [text column] [users]

import { generate } from '../../src/engine/runtime/generate.ts'
import { Trainer } from '../../src/engine/runtime/train.ts'
import { openCore } from '../../src/engine/testing/core.ts'
import { openTokenizer } from '../../src/engine/tokenizer/open-tokenizer.ts'
import { PROJECTIONS } from '../../src/model/contract.ts'
import '../../src/lamp/log-format.ts'
import { loadUsers } from '../../src/logs/load.ts'
import { normals, seedFrom } from '../../src/util/random.ts'
import { mean } from '../../src/util/stats.ts'

const PROMPT_TOKENS = 160
const SAMPLE_TOKENS = 48
const ADVANTAGES = [1, -1, 0.5, -0.5]

const [path, logs, text, count = '4'] = process.argv.slice(2)
if (path === undefined || logs === undefined) {
  console.error('usage: npx tsx tools/bench/compare-gradients.ts <model> <logs> [text] [users]')
  process.exit(2)
}
const never = () => false
const { split } = await loadUsers(
  { paths: [logs], ...(text === undefined ? {} : { text }) },
  { heldOut: 1, minInteractions: 5, validation: 0, test: 0, seed: 0 },
)
const tokenizer = await openTokenizer(path)
const requests = split.train.slice(0, Number(count)).map(({ history }) => ({
  prompt: tokenizer.encode(history.map((interaction) => interaction.text).join('\n')).slice(0, PROMPT_TOKENS),
  seeds: ADVANTAGES.map((_, i) => i),
}))
const core = await openCore(
  path,
  { type: 'lora', rank: 16, alpha: 32, targets: [...PROJECTIONS], rsLora: false, seed: 1 },
  'backward',
)
// Not the adapter of a beginning, whose A has no gradient.
for (const [name, { data }] of core.weights.trained) if (name.endsWith('.B')) normals(data, 0.01, seedFrom(name))
const sampling = { maxTokens: SAMPLE_TOKENS, temperature: 1, stopTokens: tokenizer.stopTokens }
const samples = await generate({ ...core, quantized: false }, requests, sampling, 'policy', never, () => {})
const tokens = samples.flat().reduce((sum, { tokens }) => sum + tokens.length, 0)

/** What was sampled, as if by weights that gave it these log probabilities [user][sample][token]. */
const groups = (logprobs?: number[][][]) =>
  requests.map(({ prompt }, u) => ({
    prompt,
    completions: samples[u].map(({ tokens: sampled }, k) => ({
      tokens: sampled,
      advantage: ADVANTAGES[k],
      weights: sampled.map(() => 1 / tokens),
      oldLogprobs: logprobs?.[u][k],
    })),
  }))

async function measure(quantized: boolean) {
  const trainer = new Trainer({ ...core, quantized }, 1024)
  const own = await trainer.forwardBackward(groups(), { type: 'cross_entropy' }, never)
  trainer.dropGradient()
  const logprobs = own.completions.map((group) => group.map((completion) => [...completion.logprobs]))
  await trainer.forwardBackward(groups(logprobs), { type: 'ppo', clipLow: 0.2, clipHigh: 0.2 }, never)
  // Without momentum, the first moments are the gradients.
  trainer.step({ learningRate: 0, beta1: 0, beta2: 0, eps: 1, weightDecay: 0, maxGradNorm: 0 })
  return { logprobs: logprobs.flat(2), gradients: trainer.state.first }
}

const exact = await measure(false)
const integer = await measure(true)
await core.sessions.release()

/** [product, square of the exact, square of the other] by kind of tensor. */
const sums = new Map<string, [number, number, number]>()
for (const [name, { data }] of exact.gradients) {
  const other = integer.gradients.get(name)!.data
  for (const kind of ['all', name.slice(name.indexOf('.') + 1)]) {
    const sum = sums.get(kind) ?? [0, 0, 0]
    data.forEach((value, i) => {
      sum[0] += value * other[i]
      sum[1] += value ** 2
      sum[2] += other[i] ** 2
    })
    sums.set(kind, sum)
  }
}
const cosine = ([product, a, b]: [number, number, number]) => product / Math.sqrt(a * b)
const kinds = [...sums].filter(([kind]) => kind !== 'all').sort((a, b) => cosine(a[1]) - cosine(b[1]))
const [, a, b] = sums.get('all')!
const change = mean(exact.logprobs.map((value, i) => Math.abs(value - integer.logprobs[i])))
console.log(`${tokens} sampled tokens of ${requests.length} users: cosine ${cosine(sums.get('all')!).toFixed(4)}`)
console.log(`ratio of norms ${Math.sqrt(b / a).toFixed(4)}, log probabilities change by ${change.toFixed(4)}`)
console.log(kinds.map(([kind, sum]) => `${kind} ${cosine(sum).toFixed(4)}`).join(', '))
