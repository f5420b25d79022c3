// The losses that train, against the float64 arithmetic of model/token-loss.ts on random cases: every loss, both sides of
// the clip, KL, temperature, masked tokens and completions, in f64 and f32.
import { beforeAll, describe, expect, it } from 'vitest'
import type { TokenLoss } from '../../model/contract.ts'
import { lossAndGradient } from '../../model/token-loss.ts'
import { LOSSES, type LossName, tokenWeights } from '../../train/losses.ts'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import type { PackGroup } from '../runtime/pack.ts'
import { TINY } from '../testing/tiny.ts'
import { someGroups, TrainModel } from '../testing/train-model.ts'

const c = TINY.llama
const [clipLow, clipHigh] = [0.2, 0.28]
const DRAWS = 6
const STEP = 1e-6

const exact = new TrainModel(c, 'f64', 'lora')
const single = new TrainModel(c, 'f32', 'lora')
const flat = <T>(groups: T[][]) => groups.flat()
const completionsOf = (groups: PackGroup[]) => groups.flatMap(({ completions }) => completions)

/** [group][completion][token] at a temperature. */
async function logprobsAt(groups: PackGroup[], temperature: number): Promise<number[][][]> {
  return (await exact.run(groups, { type: 'cispo', clipHigh, temperature }, { outputs: ['logprobs'] })).logprobs
}

/**
 * Groups with unequal weights of a loss, a completion and some tokens masked, and ratios on both sides of the bounds.
 */
function drawn(name: LossName, logprobs: number[][][], seed: number): PackGroup[] {
  const next = uniform(seed)
  const groups = someGroups(c, logprobs)
  const masked = Math.floor(next() * completionsOf(groups).length)
  const sizes = completionsOf(groups).map(({ tokens: { length } }, i) => ({
    length,
    masked: i === masked,
    correction: Float32Array.from({ length }, () => (next() < 0.2 ? 0 : 0.5 + next())),
  }))
  const weights = tokenWeights(LOSSES[name], sizes, 8)
  return groups.map(({ prompt, completions }, u) => ({
    prompt,
    completions: completions.map(({ tokens }, g) => {
      // A completion's ratios lie together, so that those of whole sequences are clipped as well.
      const shift = 1.2 * (next() - 0.5)
      const around = (spread: number) => logprobs[u][g].map((logprob) => logprob + shift + spread * (next() - 0.5))
      return {
        tokens,
        advantage: 2 * next() - 1,
        weights: weights[u * completions.length + g],
        oldLogprobs: around(0.4),
        refLogprobs: around(1),
      }
    }),
  }))
}

/** Loss and gradient [completion][token] by the formulas. */
function byFormula(loss: TokenLoss, groups: PackGroup[], logprobs: number[][][]) {
  const results = completionsOf(groups).map((completion, i) =>
    lossAndGradient(loss, { ...completion, logprobs: flat(logprobs)[i] }),
  )
  return { loss: results.reduce((sum, result) => sum + result.loss, 0), gradients: results.map((r) => r.gradient) }
}

/** Derivative of Σ gradient·logprob along a direction of the parameters, by central differences. */
async function slopeAlong(
  direction: Map<string, Float64Array>,
  groups: PackGroup[],
  gradients: Float64Array[],
  temperature: number,
): Promise<number> {
  const at = async (distance: number): Promise<number> => {
    for (const [name, d] of direction) {
      const { data } = exact.arrays.get(name)!
      d.forEach((x, i) => {
        data[i] += distance * x
      })
    }
    const moved = flat(await logprobsAt(groups, temperature))
    return gradients.reduce((sum, row, i) => row.reduce((part, g, t) => part + g * moved[i][t], sum), 0)
  }
  const kept = new Map([...direction.keys()].map((name) => [name, exact.arrays.get(name)!.data.slice()]))
  const above = await at(STEP)
  const below = await at(-2 * STEP)
  for (const [name, data] of kept) exact.arrays.get(name)!.data.set(data)
  return (above - below) / (2 * STEP)
}

const cases = (Object.keys(LOSSES) as LossName[]).flatMap((name) =>
  [0, 0.3].flatMap((klCoef) => [1, 0.7].map((temperature) => ({ name, klCoef, temperature }))),
)

describe('what the training graph computes', () => {
  let plain: Record<number, number[][][]>
  beforeAll(async () => {
    plain = { 1: await logprobsAt(someGroups(c), 1), 0.7: await logprobsAt(someGroups(c), 0.7) }
  })

  it.each(cases)('$name, KL $klCoef, temperature $temperature', async ({ name, klCoef, temperature }) => {
    const loss = LOSSES[name].tokenLoss({ clipLow, clipHigh, klCoef, temperature })
    const regions = new Set<string>()
    for (let draw = 0; draw < DRAWS; draw++) {
      const seed = seedFrom('loss-head', name, klCoef, temperature, draw)
      const groups = drawn(name, plain[temperature], seed)
      const given = await exact.run(groups, loss)
      const expected = byFormula(loss, groups, given.logprobs)
      expect(given.loss).toBeCloseTo(expected.loss, 10)

      const direction = new Map(
        [...given.gradients].map(([tensor, { length }]) => [
          tensor,
          normals(new Float64Array(length), 1, seedFrom(seed, tensor)),
        ]),
      )
      const slope = await slopeAlong(direction, groups, expected.gradients, temperature)
      let along = 0
      let size = 0
      for (const [tensor, gradient] of given.gradients)
        gradient.forEach((g, i) => {
          along += g * direction.get(tensor)![i]
          size += g * g
        })
      expect(Math.abs(along - slope)).toBeLessThan(1e-6 * Math.sqrt(size))

      const rounded = await single.run(groups, loss)
      expect(rounded.loss).toBeCloseTo(expected.loss, 5)
      let error = 0
      for (const [tensor, gradient] of rounded.gradients)
        gradient.forEach((g, i) => {
          error += (g - given.gradients.get(tensor)![i]) ** 2
        })
      expect(Math.sqrt(error / size)).toBeLessThan(1e-4)
      for (const region of regionsOf(loss, groups, given.logprobs)) regions.add(region)
    }
    const sides = ['below', 'within', 'above'].flatMap((side) => [`${side}, better`, `${side}, worse`])
    expect([...regions].sort()).toEqual(sides.sort())
  })
})

it('draws a policy back that has left the base far behind, by a finite gradient', async () => {
  const logprobs = await logprobsAt(someGroups(c), 1)
  const loss = LOSSES.dapo.tokenLoss({ clipLow, clipHigh, klCoef: 0.1, temperature: 1 })
  const groups = drawn('dapo', logprobs, 1).map(({ prompt, completions }, u) => ({
    prompt,
    completions: completions.map((completion, g) => ({
      ...completion,
      refLogprobs: logprobs[u][g].map((logprob, t) => logprob + [19, 21, 100, 1000][t % 4]),
    })),
  }))
  const given = await exact.run(groups, loss)
  const expected = byFormula(loss, groups, given.logprobs)
  expect(given.loss / expected.loss).toBeCloseTo(1, 10)
  const rounded = await single.run(groups, loss)
  expect(rounded.loss / expected.loss).toBeCloseTo(1, 5)
  const [size, error] = [(x: number, _: number) => x ** 2, (x: number, y: number) => (x - y) ** 2].map((of) =>
    [...rounded.gradients].reduce(
      (sum, [name, values]) => values.reduce((part, x, i) => part + of(x, given.gradients.get(name)![i]), sum),
      0,
    ),
  )
  expect(size).toBeGreaterThan(0)
  expect(Math.sqrt(error / size)).toBeLessThan(1e-4)
})

it.each(['dapo', 'gspo', 'cispo'] as const)(
  '%s begins at its own log probabilities where none are given',
  async (name) => {
    const logprobs = await logprobsAt(someGroups(c), 1)
    const loss = LOSSES[name].tokenLoss({ clipLow, clipHigh, klCoef: 0.1, temperature: 1 })
    const of = (old: (u: number, g: number) => number[] | undefined) =>
      exact.run(
        drawn(name, logprobs, 1).map(({ prompt, completions }, u) => ({
          prompt,
          completions: completions.map((completion, g) => ({ ...completion, oldLogprobs: old(u, g) })),
        })),
        loss,
      )
    const [own, given] = [await of(() => undefined), await of((u, g) => logprobs[u][g])]
    expect(own.loss).toBeCloseTo(given.loss, 12)
    for (const [tensor, gradient] of own.gradients)
      gradient.forEach((g, i) => {
        expect(g).toBeCloseTo(given.gradients.get(tensor)![i], 12)
      })
  },
)

/** Where the ratios lie between the bounds, by the sign of the advantage: what min and clip decide by. */
function regionsOf(loss: TokenLoss, groups: PackGroup[], logprobs: number[][][]): string[] {
  return completionsOf(groups).flatMap(({ advantage, weights, oldLogprobs }, i) => {
    const gaps = flat(logprobs)[i].flatMap((logprob, t) => (weights[t] > 0 ? [logprob - oldLogprobs![t]] : []))
    const whole = loss.type === 'ppo' && loss.sequenceRatio && gaps.length > 0
    const ratios = (whole ? [gaps.reduce((a, b) => a + b, 0) / gaps.length] : gaps).map(Math.exp)
    return ratios.map((ratio) => {
      const side = ratio < 1 - clipLow ? 'below' : ratio > 1 + clipHigh ? 'above' : 'within'
      return `${side}, ${advantage > 0 ? 'better' : 'worse'}`
    })
  })
}
