// The work on bump's own engine, in the built package: node ours.mjs SIZE FOLDER CASE THREADS PRECISION
import { Engine } from '../../../dist/engine/engine.js'
import { caseArguments, mean, median, report, SEEDS, spread, timed, tokens } from './work.mjs'

const { work, model, folder, name, threads, precision } = caseArguments()
const { lora, runs } = work
const sizes = work[name.split('-')[0]]
const never = () => false
const adam = { learningRate: 1e-5, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 1 }
const ppo = { type: 'ppo', clipLow: 0.2, clipHigh: 0.2 }
const ids = (seed, n) => tokens(seed, n, model.vocab)
const trainable = { type: 'lora', ...lora }
const open = (options) =>
  Engine.open(folder, {
    threads,
    quantize: precision === 'int8' ? 'int8' : 'none',
    precision: precision === 'int8-training' ? 'int8' : 'f32',
    ...options,
  })

const completionOf = (tokens, total, advantage) => ({
  tokens,
  advantage,
  weights: new Float32Array(tokens.length).fill(1 / total),
  oldLogprobs: new Float32Array(tokens.length).fill(-Math.log(model.vocab)),
})

async function trainingStep(groups, rows) {
  const engine = await open({ trainable })
  let first
  const seconds = await timed(runs, async () => {
    const result = await engine.forwardBackward(groups, ppo, never)
    first ??= spread(result.completions.flat().flatMap(({ logprobs }) => [...logprobs]))
    engine.optimStep(adam)
  })
  report({ seconds: median(seconds), work: rows, unit: 'tok', check: first })
}

const CASES = {
  async train({ rows, tokens: length }) {
    const groups = Array.from({ length: rows }, (_, r) => {
      const row = ids(SEEDS.train + r, length + 1)
      return { prompt: row.slice(0, 1), completions: [completionOf(row.slice(1), rows * length, 1 - r)] }
    })
    await trainingStep(groups, rows * length)
  },

  async group({ prompt, completions, tokens: length }) {
    const group = {
      prompt: ids(SEEDS.group, prompt),
      completions: Array.from({ length: completions }, (_, i) =>
        completionOf(ids(SEEDS.group + 1 + i, length), completions * length, i / completions - 0.5),
      ),
    }
    await trainingStep([group], completions * length)
  },

  async prefill({ prompts, tokens: length }) {
    const engine = await open()
    const texts = Array.from({ length: prompts }, (_, i) => ids(SEEDS.prefill + i, length))
    const labels = Array.from({ length: 16 }, (_, i) => i + 1)
    let logits
    const seconds = await timed(runs, async () => {
      logits = await engine.labelLogits(texts, labels, 'base', never)
    })
    const check = logits.flatMap((row) => [...row].map((value) => value - mean([...row])))
    report({ seconds: median(seconds), work: prompts * length, unit: 'tok', check })
  },

  async decode({ prompt, short, long }) {
    const batch = Number(name.split('-')[1])
    const engine = await open()
    const jobs = [{ prompt: ids(SEEDS.decode, prompt), seeds: Array.from({ length: batch }, (_, i) => i) }]
    const sampling = { temperature: 1, stopTokens: [] }
    const time = async (maxTokens) =>
      median(await timed(runs, () => engine.sample(jobs, { ...sampling, maxTokens }, 'base', never, () => {})))
    // The prompt's time and the first token's fall out of the difference.
    const seconds = (await time(long)) - (await time(short))
    report({ seconds, work: batch * (long - short), unit: 'tok' })
  },

  async judge({ prefix, continuations, tokens: length }) {
    const engine = await open()
    const texts = Array.from({ length: continuations }, (_, i) => ids(SEEDS.judge + 1 + i, length))
    const jobs = [{ prefix: ids(SEEDS.judge, prefix), continuations: texts }]
    let scores
    const seconds = await timed(runs, async () => {
      scores = await engine.score(jobs, 'base', {}, never)
    })
    const check = spread(scores.flat().flatMap((logprobs) => [...logprobs]))
    report({ seconds: median(seconds), work: continuations, unit: 'pairs', check })
  },

  async step({ users, rollouts, prompt, tokens: length, candidates, candidateTokens, judgePrefix }) {
    const engine = await open({ trainable })
    const prompts = Array.from({ length: users }, (_, u) => ids(SEEDS.step + u, prompt))
    const pool = Array.from({ length: candidates }, (_, c) => ids(SEEDS.step + 100 + c, candidateTokens))
    const prefix = ids(SEEDS.step + 200, judgePrefix)
    const sampling = { maxTokens: length, temperature: 1, stopTokens: [] }
    const phases = {}
    const clock = async (phase, work) => {
      const started = performance.now()
      const result = await work()
      phases[phase] = (performance.now() - started) / 1000
      return result
    }
    const run = async (users) => {
      const requests = users.map((one) => ({ prompt: one, seeds: Array.from({ length: rollouts }, (_, i) => i) }))
      const sampled = await clock('rollout', () => engine.sample(requests, sampling, 'policy', never, () => {}))
      const jobs = sampled.flat().map((one) => ({ prefix: [...prefix, ...one.tokens], continuations: pool }))
      const scores = await clock('judge', () => engine.score(jobs, 'base', {}, never))
      const rewards = scores.map((logprobs) => discounted(logprobs.map((values) => mean([...values]))))
      await clock('train', async () => {
        const groups = users.map((one, u) => {
          const group = rewards.slice(u * rollouts, (u + 1) * rollouts)
          const deviation = Math.sqrt(mean(group.map((reward) => (reward - mean(group)) ** 2))) + 1e-4
          const completions = sampled[u].map((one, i) => ({
            ...completionOf(one.tokens, users.length * rollouts * length, (group[i] - mean(group)) / deviation),
            oldLogprobs: one.logprobs,
          }))
          return { prompt: one, completions }
        })
        await engine.forwardBackward(groups, ppo, never)
        engine.optimStep(adam)
      })
    }
    // A step of one user warms up.
    await run(prompts.slice(0, 1))
    const started = performance.now()
    await run(prompts)
    const seconds = (performance.now() - started) / 1000
    report({ seconds, work: users * rollouts, unit: 'rollouts', phases })
  },
}

/** NDCG of the first candidate. */
function discounted(scores) {
  const rank = 1 + scores.filter((score) => score > scores[0]).length
  return 1 / Math.log2(rank + 1)
}

await CASES[name.split('-')[0]](sizes)
