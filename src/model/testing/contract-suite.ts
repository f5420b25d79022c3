// What any provider of the language-model contract has to do, as tests that run on one: open.test.ts of a provider
// calls this with a small model. Losses and gradients are held to the float64 arithmetic of token-loss.ts.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOSSES, type LossName, tokenWeights } from '../../train/losses.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import type { AdamParams, LanguageModel, TokenIds, TrainGroup } from '../contract.ts'
import { lossAndGradient } from '../token-loss.ts'

/** Log probabilities agree to this, in nats. */
const CLOSE = 1e-3
const ADAM: AdamParams = { learningRate: 0.005, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 0 }
/** Of the surrogate loss in one step: small beside its curvature, large beside rounding. */
const FALL = 0.0005
/** So large that AdamW without moments is plain gradient descent. */
const EPS = 1e4
const descent = (rate: number): AdamParams => ({
  ...ADAM,
  learningRate: rate * EPS,
  beta1: 0,
  beta2: 0,
  eps: EPS,
  maxGradNorm: 0,
})

const [clipLow, clipHigh] = [0.2, 0.28]

/** What a provider cannot do, and has to refuse with `invalid-options`. */
interface Limits {
  /** Log probabilities at other temperatures than 1. */
  temperature?: true
  /** Scaling a gradient down to a norm. */
  clipping?: true
}

/**
 * Registers the tests. `open` gives a small model that trains an adapter (closed here); its ids 10 to 200 are ordinary
 * tokens.
 */
export function testLanguageModel(name: string, open: () => Promise<LanguageModel>, limits: Limits = {}): void {
  const tempered = (temperature: number) => (limits.temperature ? 1 : temperature)
  const lossCases = (Object.keys(LOSSES) as LossName[]).flatMap((loss) => [
    { loss, klCoef: 0, temperature: 1 },
    { loss, klCoef: 0.3, temperature: tempered(0.7) },
  ])
  describe(`${name}, by the contract of a language model`, () => {
    let model: LanguageModel
    let trained: string
    const folder = mkdtempSync(join(tmpdir(), 'bump-contract-'))
    const next = uniform(seedFrom('contract'))
    const tokens = (count: number) => Array.from({ length: count }, () => 10 + Math.floor(next() * 190))
    const prompts = [tokens(12), tokens(7)]
    const labels = [...new Set(tokens(12))].slice(0, 6)
    const filled = { maxTokens: 6, stopTokens: [] }

    beforeAll(async () => {
      model = await open()
      // A policy that differs from its base, with gradients in every trained tensor.
      const completions = [{ tokens: tokens(6), advantage: 0, weights: new Float32Array(6).fill(1 / 6) }]
      for (let step = 0; step < 3; step++) {
        await model.forwardBackward([{ prompt: prompts[0], completions }], { type: 'cross_entropy' })
        await model.optimStep(ADAM)
      }
      trained = join(folder, 'trained')
      await model.saveState(trained)
    })
    afterAll(() => model.close())

    const scoreOne = async (prefix: TokenIds, continuation: TokenIds, options = {}) =>
      (await model.score([{ prefix, continuations: [continuation] }], options))[0][0]

    it('samples by the seed, whatever stands beside it, from the distribution that it scores', async () => {
      const temperature = tempered(0.8)
      const together = await model.sample(
        prompts.map((prompt) => ({ prompt, seeds: [1, 2] })),
        { ...filled, temperature },
      )
      const [[alone]] = await model.sample([{ prompt: prompts[1], seeds: [2] }], { ...filled, temperature })
      expect(alone.tokens).toEqual(together[1][1].tokens)
      expect(together[0][0].tokens).not.toEqual(together[0][1].tokens)
      for (const [i, completions] of together.entries())
        for (const completion of completions) {
          expect(completion.stopReason).toBe('length')
          expectClose(completion.logprobs, await scoreOne(prompts[i], completion.tokens, { temperature }))
        }
    })

    it('ends a completion with a stop token', async () => {
      const request = { prompt: prompts[0], seeds: [3] }
      const [[whole]] = await model.sample([request], filled)
      const stop = whole.tokens[2]
      const [[stopped]] = await model.sample([request], { ...filled, stopTokens: [stop] })
      expect(stopped.tokens).toEqual(whole.tokens.slice(0, whole.tokens.indexOf(stop) + 1))
      expect(stopped.stopReason).toBe('stop')
    })

    it('keeps to the allowed tokens, greedily and at random', async () => {
      const [logits] = await model.labelLogits([prompts[0]], labels)
      const order = [...labels].sort((a, b) => logits[labels.indexOf(b)] - logits[labels.indexOf(a)])
      const request = { prompt: prompts[0], seeds: [1, 2, 3, 4] }
      const allowed = { steps: [labels], distinct: true }
      const [greedy] = await model.sample([request], { ...filled, maxTokens: labels.length, temperature: 0, allowed })
      for (const completion of greedy) {
        expect(completion.tokens[0]).toBe(order[0])
        expect([...completion.tokens].sort()).toEqual([...labels].sort())
      }
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit - logits[0]), 0)
      const [random] = await model.sample([request], { ...filled, maxTokens: 1, allowed })
      for (const { tokens: given, logprobs } of random)
        expectClose(logprobs, [logits[labels.indexOf(given[0])] - logits[0] - Math.log(total)])
    })

    it('scores a continuation alike in one piece and in two, and as its labels say', async () => {
      const [first, second] = [tokens(4), tokens(3)]
      const whole = await scoreOne(prompts[0], [...first, ...second])
      expectClose(whole.slice(0, 4), await scoreOne(prompts[0], first))
      expectClose(whole.slice(4), await scoreOne([...prompts[0], ...first], second))
      const [logits] = await model.labelLogits([prompts[0]], labels)
      const [logprobs] = await model.score([{ prefix: prompts[0], continuations: labels.map((label) => [label]) }])
      expectClose(
        logprobs.map(([logprob]) => logprob - logprobs[0][0]),
        logits.map((logit) => logit - logits[0]),
      )
    })

    it.each(lossCases)('computes $loss and its gradient (KL $klCoef, temperature $temperature)', async (one) => {
      await model.loadState(trained)
      const { temperature, klCoef } = one
      const loss = LOSSES[one.loss].tokenLoss({ clipLow, clipHigh, klCoef, temperature })
      const sampled = await model.sample(
        prompts.map((prompt) => ({ prompt, seeds: [5, 6, 7] })),
        { ...filled, temperature },
      )
      const requests = prompts.map((prefix, u) => ({
        prefix,
        continuations: sampled[u].map((completion, g) => completion.tokens.slice(0, 6 - g)),
      }))
      const current = async () => (await model.score(requests, { exact: true, temperature })).flat()
      const base = (await model.score(requests, { weights: 'base', exact: true, temperature })).flat()
      const before = await current()
      const sizes = before.map(({ length }, i) => ({
        length,
        masked: i === 1,
        correction: Float32Array.from({ length }, () => 0.5 + next()),
      }))
      const weights = tokenWeights(LOSSES[one.loss], sizes, 8)
      const completions = before.map((logprobs, i) => {
        // Ratios from 0.6 to 1.6 for advantages of both signs.
        const shift = 0.5 * Math.sin(i + 1)
        return {
          tokens: requests.flatMap(({ continuations }) => continuations)[i],
          advantage: i % 2 === 0 ? 1 : -0.7,
          weights: weights[i],
          oldLogprobs: logprobs.map((logprob) => logprob + shift + 0.2 * (next() - 0.5)),
          refLogprobs: base[i],
        }
      })
      const groups: TrainGroup[] = prompts.map((prompt, u) => ({
        prompt,
        completions: completions.slice(3 * u, 3 * u + 3),
      }))
      const result = await model.forwardBackward(groups, loss)
      const gradNorm = (await model.optimStep(descent(0))).gradNorm!
      const formula = completions.map((completion, i) => lossAndGradient(loss, { ...completion, logprobs: before[i] }))
      expect(Math.abs(result.loss - formula.reduce((sum, part) => sum + part.loss, 0))).toBeLessThan(CLOSE)
      result.completions.flat().forEach(({ logprobs }, i) => {
        expectClose(logprobs, before[i])
      })

      // A small step down the gradient g lowers Σ (d loss / d logprob)·logprob by rate·|g|²: here by FALL.
      await model.loadState(trained)
      await model.forwardBackward(groups, loss)
      await model.optimStep(descent(FALL / gradNorm ** 2))
      const after = await current()
      const change = formula.reduce(
        (sum, { gradient }, i) => gradient.reduce((part, g, t) => part + g * (after[i][t] - before[i][t]), sum),
        0,
      )
      expect(Math.abs(change / FALL + 1)).toBeLessThan(0.03)
    })

    it('adds up the gradients of several calls', async () => {
      const groups: TrainGroup[] = prompts.map((prompt) => ({
        prompt,
        completions: [{ tokens: labels, advantage: 0, weights: new Float32Array(labels.length).fill(0.2) }],
      }))
      const norms: (number | null)[] = []
      for (const calls of [[groups], groups.map((group) => [group])]) {
        await model.loadState(trained)
        for (const call of calls) await model.forwardBackward(call, { type: 'cross_entropy' }, { completions: 2 })
        norms.push((await model.optimStep(descent(0))).gradNorm)
      }
      expect(Math.abs(norms[0]! / norms[1]! - 1)).toBeLessThan(CLOSE)
    })

    it('refuses what it cannot do', async () => {
      const refused = { code: 'invalid-options' }
      const request = { prompt: prompts[0], seeds: [1] }
      if (limits.temperature)
        await expect(model.sample([request], { ...filled, temperature: 0.5 })).rejects.toMatchObject(refused)
      if (limits.clipping) await expect(model.optimStep({ ...ADAM, maxGradNorm: 1 })).rejects.toMatchObject(refused)
      else {
        const completions = [{ tokens: labels, advantage: 0, weights: new Float32Array(labels.length).fill(100) }]
        await model.loadState(trained)
        await model.forwardBackward([{ prompt: prompts[0], completions }], { type: 'cross_entropy' })
        const before = await scoreOne(prompts[0], labels)
        // Plain descent by a gradient of norm 1 at most.
        await model.optimStep({ ...descent(1e-6), maxGradNorm: 1 })
        const after = await scoreOne(prompts[0], labels)
        expect(Math.max(...after.map((logprob, t) => Math.abs(logprob - before[t])))).toBeLessThan(CLOSE)
      }
    })

    it('trains the policy and leaves the base alone; what is saved goes on as if it had never stopped', async () => {
      await model.loadState(trained)
      const base = await scoreOne(prompts[0], labels, { weights: 'base' })
      const step = async () => {
        const completions = [{ tokens: labels, advantage: 0, weights: new Float32Array(labels.length).fill(0.2) }]
        await model.forwardBackward([{ prompt: prompts[0], completions }], { type: 'cross_entropy' })
        await model.optimStep(ADAM)
        return scoreOne(prompts[0], labels)
      }
      await step()
      const state = join(folder, 'state')
      await model.saveState(state)
      const policy = join(folder, 'policy')
      await model.savePolicy(policy)
      const saved = await scoreOne(prompts[0], labels)
      const straight = await step()
      expect(straight).not.toEqual(saved)
      await model.loadState(state)
      expect(await step()).toEqual(straight)
      await model.loadPolicy(policy)
      expect(await scoreOne(prompts[0], labels)).toEqual(saved)
      expect(await scoreOne(prompts[0], labels, { weights: 'base' })).toEqual(base)
    })

    it('ends what the caller cancels, with the code `cancelled`', async () => {
      const signal = AbortSignal.abort()
      const cancelled = { code: 'cancelled' }
      await expect(model.sample([{ prompt: prompts[0], seeds: [1] }], { ...filled, signal })).rejects.toMatchObject(
        cancelled,
      )
      await expect(scoreOne(prompts[0], labels, { signal })).rejects.toMatchObject(cancelled)
    })
  })
}

function expectClose(given: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(given).toHaveLength(expected.length)
  for (let t = 0; t < given.length; t++) expect(Math.abs(given[t] - expected[t])).toBeLessThan(CLOSE)
}
