// How far a model in int8 agrees with the exact one, on real logs. As a judge: NDCG of the users' raw histories in both
// directions, its paired difference with a 95 % interval, the mean rank correlation (Spearman) of the scores within a
// pool, and seconds. As a language model: perplexity of the users' histories. As a generator: how far the log
// probabilities of what it samples are from the exact ones. And how far a change in the last digit of f32 moves the log
// probabilities of either.
//
//   npx tsx tools/bench/compare-precision.ts <model> <logs> [text column] [users] [threads]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BinaryFile } from '../../src/engine/weights/binary-file.ts'
import { readElements, readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts'
import { rawHistory } from '../../src/evaluate/measure/controls.ts'
import { evaluateProfiles } from '../../src/evaluate/measure/evaluate-profiles.ts'
import { judgeConfigSchema } from '../../src/judge/config.ts'
import { createJudge } from '../../src/judge/judge.ts'
import type { Judge } from '../../src/judge/types.ts'
import '../../src/lamp/log-format.ts'
import { loadUsers } from '../../src/logs/load.ts'
import type { Interaction } from '../../src/logs/types.ts'
import type { Completion, Tokenizer } from '../../src/model/contract.ts'
import { openModel } from '../../src/model/onnx/open.ts'
import { bootstrapInterval, intervalText, mean } from '../../src/util/stats.ts'

const HISTORY_TOKENS = 160
/** Tokens of a text whose perplexity is taken, and of a sample. */
const TEXT_TOKENS = 256
const SAMPLE_TOKENS = 48
/** Histories that profiles are sampled after. */
const PROMPTS = 8

const [path, logs, text, count = '40', threads] = process.argv.slice(2)
if (path === undefined || logs === undefined) {
  console.error('usage: npx tsx tools/bench/compare-precision.ts <model> <logs> [text] [users] [threads]')
  process.exit(2)
}
const { split } = await loadUsers(
  { paths: [logs], ...(text === undefined ? {} : { text }) },
  { heldOut: 1, minInteractions: 5, validation: 0, test: 0, seed: 0 },
)
const users = split.train.slice(0, Number(count))
const texts = (interactions: readonly Interaction[]) => interactions.map((interaction) => interaction.text)
const pools = users.map(({ id, heldOut }) => ({ id, heldOut: texts(heldOut) }))

/** Ranks of values, ties by their mean. */
function ranks(values: readonly number[]): number[] {
  return values.map((a) => {
    const below = values.filter((b) => b < a).length
    return below + (values.filter((b) => b === a).length - 1) / 2
  })
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)]
  const [mx, my] = [mean(x), mean(y)]
  const product = (u: readonly number[], mu: number, v: readonly number[], mv: number) =>
    u.reduce((sum, value, i) => sum + (value - mu) * (v[i] - mv), 0)
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my))
}

const flat = (values: readonly ArrayLike<number>[]) => values.flatMap((row) => Array.from(row))
const meanGap = (a: readonly number[], b: readonly number[]) => mean(a.map((value, i) => Math.abs(value - b[i])))

const opened = threads === undefined ? {} : { threads: Number(threads) }
/** Of each user's history the first tokens, each given those before it. */
const encodedTexts = (tokenizer: Tokenizer) =>
  users.map(({ history }) => {
    const [first, ...rest] = tokenizer.encode(texts(history).join('\n')).slice(0, TEXT_TOKENS)
    return { prefix: [first], continuations: [rest] }
  })

interface Measured {
  /** [user] mean of both directions. */
  ndcg: number[]
  /** [pool][candidate] */
  scores: number[][]
  seconds: number
  /** [user][token] log probabilities of the users' histories. */
  logprobs: Float32Array[]
  samples: { prompt: number[]; completion: Completion }[]
  /** [sample][token] the samples of the other precision by this one, where they are given. */
  rescored: Float32Array[]
}

async function measure(quantize: 'none' | 'int8', others: Measured['samples'] = []): Promise<Measured> {
  const model = await openModel(path, { quantize, ...opened })
  const judge = createJudge(model, judgeConfigSchema.parse({ scorer: 'likelihood' }))
  const scores: number[][] = []
  const recording: Judge = {
    ...judge,
    async score(request, options) {
      const result = await judge.score(request, options)
      for (const [order] of [...result.forward, ...result.backward]) scores.push(order)
      return result
    },
  }
  const budget = { historyTokens: HISTORY_TOKENS, interactionTokens: 48 }
  const profiles = users.map(({ history }) => rawHistory(history, model.tokenizer, budget))
  // The first call opens sessions.
  await evaluateProfiles(pools.slice(0, 3), profiles.slice(0, 3), judge, { positives: 1, negatives: 2, seed: 0 })
  const started = performance.now()
  const { users: measured } = await evaluateProfiles(pools, profiles, recording, {
    positives: 1,
    negatives: 8,
    seed: 0,
  })
  const seconds = (performance.now() - started) / 1000
  const requests = encodedTexts(model.tokenizer)
  const scored = await model.score(requests)
  const prompts = requests.slice(0, PROMPTS).map(({ prefix, continuations }) => [...prefix, ...continuations[0]])
  const sampled = await model.sample(
    prompts.map((prompt) => ({ prompt, seeds: [1, 2, 3, 4] })),
    { maxTokens: SAMPLE_TOKENS },
  )
  const rescored = await model.score(
    others.map(({ prompt, completion }) => ({ prefix: prompt, continuations: [completion.tokens] })),
  )
  await model.close()
  return {
    logprobs: scored.map(([values]) => values),
    samples: sampled.flatMap((completions, i) => completions.map((completion) => ({ prompt: prompts[i], completion }))),
    rescored: rescored.map(([values]) => values),
    ndcg: measured.map(({ forward, backward }) => (forward + backward) / 2),
    scores,
    seconds,
  }
}

const elementsOf = (dims: readonly number[]) => dims.reduce((size, dim) => size * dim, 1)

/** Mean change of a token's log probability by an adapter that adds a ten-millionth: about the last digit of f32. */
async function movedBy(quantize: 'none' | 'int8'): Promise<number> {
  const model = await openModel(path, { quantize, trainable: 'lora', ...opened })
  const folder = mkdtempSync(join(tmpdir(), 'bump-moved-'))
  try {
    const requests = encodedTexts(model.tokenizer).slice(0, PROMPTS)
    const before = await model.score(requests)
    await model.savePolicy(folder)
    const adapter = join(folder, 'adapter_model.safetensors')
    const file = new BinaryFile(adapter)
    const tensors = new Map(
      [...readSafetensors(file)].map(([name, tensor]) => {
        const { dims } = tensor
        // A new adapter adds nothing, since one factor of each product is zero.
        const values = readElements(tensor, 0, elementsOf(dims)).map((value) => (value === 0 ? 1e-7 : value))
        return [name, { dims, data: () => values }]
      }),
    )
    file.close()
    writeSafetensors(adapter, tensors)
    await model.loadPolicy(folder)
    const after = await model.score(requests)
    return meanGap(flat(before.flat()), flat(after.flat()))
  } finally {
    await model.close()
    rmSync(folder, { recursive: true })
  }
}

const rounded = await measure('int8')
const exact = await measure('none', rounded.samples)
console.log(`${users.length} users, raw histories of ${HISTORY_TOKENS} tokens, pools of 1 + 8, both directions`)
for (const [name, { ndcg, scores, seconds }] of [['f32', exact] as const, ['int8', rounded] as const]) {
  const difference = bootstrapInterval(
    ndcg.map((value, u) => value - exact.ndcg[u]),
    { seed: 0 },
  )
  const agreement = mean(scores.map((pool, i) => correlation(pool, exact.scores[i])))
  console.log(
    `${name.padEnd(5)} NDCG ${mean(ndcg).toFixed(3)}  difference ${intervalText(difference)}  rank correlation ${agreement.toFixed(3)}  ${seconds.toFixed(1)} s (${(exact.seconds / seconds).toFixed(2)}x)`,
  )
}

const [before, after] = [flat(exact.logprobs), flat(rounded.logprobs)]
const [sampled, rescored] = [rounded.samples.map(({ completion }) => completion.logprobs), exact.rescored].map(flat)
const change = Math.exp(mean(before.map((value, i) => value - after[i]))) - 1
console.log(
  `perplexity ${Math.exp(-mean(before)).toFixed(2)} → ${Math.exp(-mean(after)).toFixed(2)} (${(100 * change).toFixed(2)} %), mean change of a log probability ${meanGap(before, after).toFixed(3)} (${before.length} tokens)`,
)
console.log(
  `samples: mean change of a log probability ${meanGap(sampled, rescored).toFixed(3)}, mean ${mean(sampled.map((value, i) => value - rescored[i])).toFixed(4)} (${sampled.length} tokens)`,
)
console.log(
  `moved in the last digit of f32: mean change of a log probability ${(await movedBy('none')).toExponential(1)} in f32, ${(await movedBy('int8')).toFixed(3)} in int8`,
)
