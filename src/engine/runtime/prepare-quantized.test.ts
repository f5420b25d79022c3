import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { normals, seedFrom, uniform } from '../../util/random.ts'
import { weightShapes } from '../model/config.ts'
import { openCore, useTemporaryCache } from '../testing/core.ts'
import { TINY_LORA } from '../testing/tiny.ts'
import { openWeights } from '../weights/open-weights.ts'
import { poison } from '../weights/testing/poison.ts'
import type { Core } from './core.ts'
import { generate } from './generate.ts'
import { openQuantized } from './prepare-quantized.ts'
import { labelLogits, score } from './score.ts'

useTemporaryCache()

const never = () => false
const golden = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url))
const lora = { type: 'lora' as const, rank: 4, alpha: 8, targets: TINY_LORA.targets, rsLora: false, seed: 1 }

function tokens(core: Core, count: number, seed: number): number[] {
  const next = uniform(seedFrom('tokens', seed))
  return Array.from({ length: count }, () => Math.floor(next() * core.config.vocab))
}

const largestGap = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])))

/** What families differ in: biases, norms of heads, after blocks and around them, factors, windows, joined matrices. */
const MODELS = ['tiny-llama', 'tiny-qwen2', 'tiny-qwen3', 'tiny-gemma3', 'tiny-granite', 'tiny-olmo2', 'tiny-phi3']

// Log probabilities spread over some nats here; a gap of 0.15 is what 8 bits cost at most, and a byte that is rounded the
// other way costs up to 0.02. Random weights make the attention of one model so steep that rounding moves it further.
describe.each(MODELS)('%s in 8 bits', (name) => {
  const [most, turned] = [name === 'tiny-gemma3' ? 0.5 : 0.15, name === 'tiny-qwen3' ? 0.03 : 0.02]
  let core: Core
  const scores = async (of: Core, weights: 'policy' | 'base', [prefix, ...continuations]: number[][]) =>
    (await score(of, [{ prefix, continuations }], weights, never))[0]
  beforeAll(async () => {
    core = await openCore(golden(name), lora, true)
  })

  it('scores as the exact weights do, nearly', async () => {
    const text = [tokens(core, 9, 1), tokens(core, 12, 2)]
    const [rough] = await scores(core, 'base', text)
    const [exact] = await scores({ ...core, quantized: false }, 'base', text)
    expect(largestGap(rough, exact)).toBeLessThan(most)
    expect(largestGap(rough, exact)).toBeGreaterThan(1e-5)
  })

  it('does with an adapter what the exact weights do with it, also after it has changed', async () => {
    const text = [tokens(core, 9, 1), tokens(core, 12, 2)]
    const exact = { ...core, quantized: false }
    for (const step of [1, 2]) {
      for (const [key, { data }] of core.weights.trained)
        if (key.endsWith('.B')) normals(data, 0.1, seedFrom(key, step))
      const [[rough], [expected], [base]] = [
        await scores(core, 'policy', text),
        await scores(exact, 'policy', text),
        await scores(exact, 'base', text),
      ]
      const effect = largestGap(base, expected)
      expect(largestGap(rough, expected)).toBeLessThan(0.2 * effect)
    }
  })

  it('gives the same whether a text is prefix or continuation, alone or beside others', async () => {
    const [prefix, text] = [tokens(core, 9, 1), tokens(core, 12, 2)]
    const [plain] = await scores(core, 'policy', [prefix, text])
    const [after] = await scores(core, 'policy', [[...prefix, ...text.slice(0, 7)], text.slice(7)])
    expect(largestGap(after, plain.slice(7))).toBeLessThan(turned)
    const many = await scores(core, 'policy', [prefix, tokens(core, 5, 3), text, tokens(core, 20, 4)])
    expect(largestGap(many[1], plain)).toBeLessThan(turned)
  })

  it('samples with a cache from the distribution that it scores, and gives the logits of labels', async () => {
    const prompt = tokens(core, 9, 1)
    const sampling = { maxTokens: 20, temperature: 1, stopTokens: [] }
    const [[{ tokens: sampled, logprobs }]] = await generate(
      core,
      [{ prompt, seeds: [7] }],
      sampling,
      'policy',
      never,
      () => {},
    )
    const [scored] = await scores(core, 'policy', [prompt, sampled])
    expect(largestGap(scored, logprobs)).toBeLessThan(turned)
    const labels = [3, 17, 8]
    const [logits] = await labelLogits(core, [prompt], labels, 'policy', never)
    const single = (await scores(core, 'policy', [prompt, ...labels.map((label) => [label])])).map(([value]) => value)
    const relative = (values: ArrayLike<number>) => Array.from(values, (value) => value - values[0])
    expect(largestGap(relative(logits), relative(single))).toBeLessThan(turned)
  })
})

describe('openQuantized', () => {
  const model = golden('tiny-llama')

  it('makes a file again that is another, made in another way, or without a record', async () => {
    const { file, digest } = await openQuantized(model)
    const made = readFileSync(file)
    const record = readFileSync(`${file}.json`, 'utf8')
    const damage: (() => void)[] = [
      () => poison(file),
      () => writeFileSync(`${file}.json`, record.replace('8 bits', 'another')),
      () => rmSync(`${file}.json`),
    ]
    for (const harm of damage) {
      writeFileSync(file, made)
      writeFileSync(`${file}.json`, record)
      harm()
      expect((await openQuantized(model)).digest).toBe(digest)
      expect(readFileSync(file).equals(made)).toBe(true)
      expect(JSON.parse(readFileSync(`${file}.json`, 'utf8'))).toMatchObject({ digest: JSON.parse(record).digest })
    }
  })

  // A byte a parameter, four a norm's, a scale an output.
  it.each(['tiny-llama', 'tiny-qwen2'])(
    'holds %s in its own digest’s folder, without its exact weights',
    async (name) => {
      const { file, baseDigest, config } = await openQuantized(golden(name))
      const parameters = [...weightShapes(config).values()].reduce(
        (sum, dims) => sum + dims.reduce((a, b) => a * b, 1),
        0,
      )
      expect(statSync(file).size).toBeLessThan(2 * parameters)
      const exact = await openWeights(golden(name))
      expect(exact.digest).toBe(baseDigest)
      expect(dirname(exact.file)).toBe(dirname(file))
    },
  )
})
