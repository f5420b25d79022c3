// The provider against a real SkyRL server (JAX, on the CPU): the whole contract, and its numbers beside those of the
// embedded engine.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AdamParams, LanguageModel, TrainGroup } from '../../src/model/contract.ts'
import { openModel } from '../../src/model/onnx/open.ts'
import { openTokenizer } from '../../src/model/onnx/open-tokenizer.ts'
import { testLanguageModel } from '../../src/model/testing/contract-suite.ts'
import { openTinker, type TinkerOptions } from '../../src/model/tinker/open.ts'
import { LOSSES, type LossName } from '../../src/train/losses.ts'
import { sft } from '../../src/train/sft.ts'
import { sftConfigSchema } from '../../src/train/sft-config.ts'
import { targetEncoder } from '../../src/train/sft-examples.ts'
import { NANO as nano, SERVED } from './install.ts'

const lora = { type: 'lora', rank: 8, alpha: 32 } as const
const server = process.env.TINKER_BASE_URL

async function open(more: Partial<TinkerOptions> = {}): Promise<LanguageModel> {
  const { tokenizer, contextLength } = await openTokenizer(nano)
  return await openTinker({ server, model: SERVED, name: nano, tokenizer, contextLength, trainable: lora, ...more })
}

testLanguageModel('SkyRL', () => open(), { temperature: true, clipping: true })

describe('SkyRL beside the embedded engine, on the same batches', () => {
  let remote: LanguageModel
  let embedded: LanguageModel
  const adapter = mkdtempSync(join(tmpdir(), 'bump-skyrl-'))
  beforeAll(async () => {
    remote = await open()
    await remote.savePolicy(adapter)
    embedded = await openModel(nano, { trainable: lora, threads: 1 })
    await embedded.loadPolicy(adapter)
  })
  afterAll(async () => {
    await remote.close()
    await embedded.close()
  })

  it.each(Object.keys(LOSSES) as LossName[])('gives the loss and the log probabilities of %s', async (name) => {
    const loss = LOSSES[name].tokenLoss({ clipLow: 0.2, clipHigh: 0.28, klCoef: 0.1, temperature: 1 })
    const groups = await batch(embedded)
    const [there, here] = [await remote.forwardBackward(groups, loss), await embedded.forwardBackward(groups, loss)]
    const [norm, expected] = [(await remote.optimStep(ADAM)).gradNorm!, (await embedded.optimStep(ADAM)).gradNorm!]
    const apart = {
      logprobs: Math.max(...logprobsOf(there).map((logprob, i) => Math.abs(logprob - logprobsOf(here)[i]))),
      loss: Math.abs(there.loss - here.loss),
      norm: Math.abs(norm / expected - 1),
    }
    console.log(`${name}: loss ${here.loss.toFixed(4)}, norm ${expected.toFixed(3)}; apart:`, apart)
    for (const distance of Object.values(apart)) expect(distance).toBeLessThan(1e-5)
  })
})

describe('SFT beside the embedded engine, from the same adapter on the same examples', () => {
  it('has the losses of every step and validation', async () => {
    const start = mkdtempSync(join(tmpdir(), 'bump-skyrl-'))
    const remote = await open()
    await remote.savePolicy(start)
    const there = await fineTuned(remote)
    await remote.close()
    const embedded = await openModel(nano, { trainable: lora, threads: 1 })
    await embedded.loadPolicy(start)
    const here = await fineTuned(embedded)
    const losses = here.map((loss, i) => ({ here: loss, there: there[i] }))
    console.log('losses of SFT:', losses.map((pair) => `${pair.here.toFixed(6)} ${pair.there.toFixed(6)}`).join(', '))
    const apart = Math.max(...losses.map((pair) => Math.abs(pair.here - pair.there)))
    console.log(`at most ${apart.toExponential(1)} apart`)
    await embedded.close()
    expect(there).toHaveLength(here.length)
    expect(apart).toBeLessThan(1e-4)
    expect(here.at(-1)).toBeLessThan(here[0])
  })

  /** Losses of four steps of SFT, with those of validation, as metrics.jsonl has them. */
  async function fineTuned(model: LanguageModel): Promise<number[]> {
    const out = mkdtempSync(join(tmpdir(), 'bump-skyrl-'))
    const target = targetEncoder(model.tokenizer)
    const topics = { gardening: ['rose bushes', 'tomato seeds'], chess: ['endgames', 'pawn chains'] }
    const examples = Object.entries(topics).flatMap(([topic, things]) =>
      [0, 1, 2, 3, 4].flatMap((user) =>
        things.map((thing) => ({
          id: `${thing} of ${user}`,
          user: `u${user}`,
          prompt: model.tokenizer.chat([{ role: 'user', content: `Asked about ${thing}. What is it about?` }]),
          target: target(topic),
        })),
      ),
    )
    const config = sftConfigSchema.parse({
      name: 'sft',
      batch: { examples: 8, tokens: 200 },
      optim: { steps: 4, learningRate: 2e-3, maxGradNorm: 0 },
      validation: { users: 1, every: 2 },
    })
    await sft({ model, config, examples, about: {}, out: join(out, 'run') })
    const lines = readFileSync(join(out, 'run', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
    return lines.map((line) => JSON.parse(line)).map(({ loss, eval_loss }) => loss ?? eval_loss)
  }
})

describe('what cannot be used there is refused in clear words', () => {
  it('another base model, and a rank that the server has no room for', async () => {
    await expect(open({ model: 'other' })).rejects.toThrow(/serves "nano32", not "other".*name it in engine.model/)
    const large = open({ trainable: { ...lora, rank: 64 } })
    await expect(large).rejects.toThrow(/create_model: LoRA rank 64 must be between 1 and 16/)
  })

  it('an adapter of another rank', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bump-skyrl-'))
    const model = await open()
    await model.savePolicy(folder)
    await model.close()
    const smaller = await open({ trainable: { ...lora, rank: 4 } })
    await expect(smaller.loadPolicy(folder)).rejects.toThrow(/of rank 8, but this run trains rank 4: use the same rank/)
    await smaller.close()
  })
})

/** Moves nothing, so that every loss is of the same weights. */
const ADAM: AdamParams = { learningRate: 0, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, maxGradNorm: 0 }

/** Two prompts with two completions each, of text that the model knows, at ratios from 0.7 to 1.4; no old log probability is above 0. */
async function batch(model: LanguageModel): Promise<TrainGroup[]> {
  const texts = [
    ['Tried rose bushes and tomato seeds', [' in the garden, with friends.', ' on the big stage, at dusk.']],
    ['Asked about overtures and', [' stage sets on the big stage.', ' granite walls in the climbing gym.']],
  ] as const
  const { tokenizer } = model
  const requests = texts.map(([prompt, completions]) => ({
    prefix: tokenizer.encode(prompt),
    continuations: completions.map((text) => tokenizer.encode(text)),
  }))
  const scores = await model.score(requests, { exact: true })
  return requests.map(({ prefix, continuations }, p) => ({
    prompt: prefix,
    completions: continuations.map((tokens, c) => ({
      tokens,
      advantage: c === 0 ? 1 : -0.7,
      weights: new Float32Array(tokens.length).fill(0.1 + 0.02 * p),
      oldLogprobs: scores[p][c].map((logprob, t) => Math.min(0, logprob + 0.35 * Math.sin(t + c))),
      refLogprobs: scores[p][c].map((logprob, t) => Math.min(0, logprob + 0.2 * Math.cos(t))),
    })),
  }))
}

const logprobsOf = ({ completions }: { completions: { logprobs: Float32Array }[][] }) =>
  completions.flat().flatMap(({ logprobs }) => [...logprobs])
