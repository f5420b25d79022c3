// The SFT loop on the toy policy: it learns a mapping, its loss is that of the target tokens alone, it stops early, and
// however it is interrupted and resumed, it writes the very bytes of an uninterrupted run.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LanguageModel, TrainGroup } from '../model/contract.ts'
import type { SftSummary } from '../run/format.ts'
import { checkpointSteps, readRunHeader, readRunUsers } from '../run/read.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { trainConfigSchema } from './config.ts'
import { type SftOptions, sft } from './sft.ts'
import { type SftConfig, sftConfigSchema } from './sft-config.ts'
import type { SftExample } from './sft-examples.ts'
import { evaluateLoss, scheduleOf, updateOn } from './sft-update.ts'
import { toyPolicy, toyTokenizer } from './testing/toy-policy.ts'
import { toyRun } from './testing/toy-run.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-sft-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const TOPICS = [' coffee beans', ' trains rails', ' gardens soil', ' chess endgames']
const [STOP] = toyTokenizer.stopTokens

/** Questions of 12 users, three each; the answer is the topic's second word, so that there is something to learn. */
function toyExamples(): SftExample[] {
  return Array.from({ length: 36 }, (_, i) => {
    const topic = TOPICS[i % TOPICS.length]
    const filler = 'x'.repeat((i * 7) % 23)
    return {
      id: `q${i}`,
      user: `u${i % 12}`,
      prompt: toyTokenizer.encode(`about${topic} ${filler} Write only the profile.`),
      target: [...toyTokenizer.encode(` ${topic.split(' ')[2]}`), STOP],
    }
  })
}

type Changes = { [K in keyof SftConfig]?: Partial<SftConfig[K]> }

function toyConfig(changes: Changes = {}): SftConfig {
  return sftConfigSchema.parse({
    name: 'toy',
    batch: { examples: 4, tokens: 100 },
    checkpoint: { every: 3 },
    ...changes,
    optim: { epochs: 3, learningRate: 0.2, ...changes.optim },
    validation: { users: 3, every: 5, ...changes.validation },
  })
}

function run({ folder, ...changes }: Partial<SftOptions> & { folder: string }): Promise<SftSummary> {
  return sft({
    config: toyConfig(),
    model: toyPolicy(),
    examples: toyExamples(),
    about: { task: 'toy', condition: 'none' },
    out: folder,
    ...changes,
  })
}

const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8')
const lines = (folder: string): Record<string, number>[] =>
  read(folder, 'metrics.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const timeless = (folder: string) => read(folder, 'metrics.jsonl').replace(/,?"(step_time|time\/\w+)":[\d.e-]+/g, '')

/** A model that records what it is trained on. */
function recording(): LanguageModel & { groups: TrainGroup[][] } {
  const model = toyPolicy()
  const groups: TrainGroup[][] = []
  return {
    ...model,
    groups,
    forwardBackward: (part, ...rest) => {
      groups.push([...part])
      return model.forwardBackward(part, ...rest)
    },
  }
}

describe('fine-tuning', () => {
  it('learns the mapping for users never trained on, and writes the adapter of the best checkpoint', async () => {
    const folder = join(root, 'learn')
    await run({ folder })
    const summary = JSON.parse(read(folder, 'summary.json'))
    expect(summary).toMatchObject({ task: 'toy', condition: 'none', steps: 21, epochs: 3, seed: 1 })
    expect(summary).toMatchObject({ examples: { train: 27, validation: 9 }, users: { train: 9, validation: 3 } })
    expect(summary.validationLoss.first).toBeCloseTo(Math.log(19), 4)
    expect(summary.validationLoss.best).toBeLessThan(1)
    expect(summary.peakMemoryBytes).toBeGreaterThan(1e6)
    expect(read(join(folder, 'adapter'), 'toy.json')).toBe(
      read(join(folder, 'checkpoints', `step-${summary.bestStep}`), 'toy.json'),
    )
    const header = readRunHeader(folder)
    expect(header).toMatchObject({ kind: 'sft', model: { digest: 'toy-digest' }, data: { train: 27, validation: 9 } })
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  it('names its users, and validates on none that it trains on', async () => {
    const folder = join(root, 'users')
    const model = recording()
    await run({ folder, model, config: toyConfig({ optim: { epochs: 1 } }) })
    const users = readRunUsers(folder)!
    expect(users.train).toHaveLength(9)
    expect(users.validation).toHaveLength(3)
    expect(users.test).toEqual([])
    expect(users.train.filter((user) => users.validation.includes(user))).toEqual([])
    const trained = new Set(model.groups.flat().map(({ prompt }) => prompt.join()))
    const allowed = toyExamples().filter(({ user }) => users.train.includes(user))
    expect(trained).toEqual(new Set(allowed.map(({ prompt }) => prompt.join())))
  })

  it("logs the names of TRL's SFTTrainer", async () => {
    const folder = join(root, 'names')
    await run({ folder, config: toyConfig({ optim: { steps: 2 } }) })
    const steps = lines(folder).filter((line) => 'loss' in line)
    expect(steps).toHaveLength(2)
    for (const name of ['loss', 'entropy', 'num_tokens', 'learning_rate', 'grad_norm', 'epoch', 'step_time'])
      for (const line of steps) expect(line[name], name).toBeTypeOf('number')
    expect(lines(folder).filter((line) => 'eval_loss' in line)).toHaveLength(2)
  })

  it('goes without validation where no users are held out', async () => {
    const folder = join(root, 'none')
    await run({ folder, config: toyConfig({ validation: { users: 0 }, optim: { steps: 4 } }) })
    expect(JSON.parse(read(folder, 'summary.json'))).toMatchObject({ validationLoss: null, bestStep: 4 })
  })

  it('stops early and keeps the best checkpoint', async () => {
    const folder = join(root, 'early')
    // Held-out users answer otherwise than those trained on: what is learned does harm.
    const examples = toyExamples()
    const config = toyConfig({ optim: { epochs: 20 }, validation: { every: 2, patience: 3 } })
    await run({ folder, config: { ...config, optim: { ...config.optim, steps: 1 } } })
    const held = new Set(readRunUsers(folder)!.validation)
    const contrary = examples.map((example) =>
      held.has(example.user) ? { ...example, target: [...toyTokenizer.encode(' swing'), STOP, STOP, STOP] } : example,
    )
    const stopped = join(root, 'stopped')
    await run({ folder: stopped, config, examples: contrary })
    const summary = JSON.parse(read(stopped, 'summary.json'))
    expect(summary.steps).toBe(summary.bestStep + 6)
    expect(summary.steps).toBeLessThan(140)
    expect(checkpointSteps(stopped)).toContain(summary.bestStep)
  })
})

describe('the loss', () => {
  it('is the mean over the target tokens of the batch, in however many parts it is computed', async () => {
    const batch = toyExamples().slice(0, 8)
    batch[3] = { ...batch[3], target: [...toyTokenizer.encode(' swing jazz winds'), STOP] }
    const states = await Promise.all(
      [10, 100, 10_000].map(async (tokens) => {
        const model = toyPolicy()
        const config = toyConfig({ batch: { tokens } })
        const before = await evaluateLoss(model, batch)
        const update = await updateOn(model, batch, config, scheduleOf(config, 10), 0)
        expect(update.loss).toBeCloseTo(before, 5)
        expect(update.entropy).toBeCloseTo(Math.log(19), 4)
        return model.state.table.flat()
      }),
    )
    for (const state of states.slice(1))
      for (const [i, value] of state.entries()) expect(value).toBeCloseTo(states[0][i], 5)
  })

  it('has a gradient from target tokens only: each weighs the same, prompts nothing', async () => {
    const model = recording()
    const batch = toyExamples().slice(0, 6)
    batch.push({ ...batch[0], id: 'same prompt', target: [STOP] })
    const config = toyConfig()
    await updateOn(model, batch, config, scheduleOf(config, 10), 0)
    const groups = model.groups.flat()
    expect(groups).toHaveLength(6)
    const tokens = batch.reduce((sum, { target }) => sum + target.length, 0)
    const completions = groups.flatMap(({ completions }) => completions)
    expect(completions.map((completion) => completion.tokens.join()).sort()).toEqual(
      batch.map(({ target }) => target.join()).sort(),
    )
    for (const { weights, tokens: target } of completions) {
      expect(weights).toHaveLength(target.length)
      for (const weight of weights) expect(weight).toBeCloseTo(1 / tokens, 7)
    }
  })

  it('ends the run where it is not finite', async () => {
    const model = toyPolicy()
    const broken: LanguageModel = {
      ...model,
      forwardBackward: async (...call) => ({ ...(await model.forwardBackward(...call)), loss: Number.NaN }),
    }
    await expect(run({ folder: join(root, 'nan'), model: broken })).rejects.toThrow(/Step 1 diverged/)
  })
})

describe('the learning rate', () => {
  it('warms up over a share of the steps or a number of them', () => {
    expect(scheduleOf(toyConfig(), 50).warmup).toBe(5)
    expect(scheduleOf(toyConfig({ optim: { warmup: 3 } }), 50).warmup).toBe(3)
  })
})

describe('resuming', () => {
  it('gives the same bytes wherever the run was ended, 20 times', async () => {
    const whole = join(root, 'whole')
    let calls = 0
    await run({ folder: whole, model: toyPolicy({ onCall: () => void calls++ }) })
    const next = uniform(seedFrom('interrupt-sft'))
    for (let trial = 0; trial < 20; trial++) {
      const folder = join(root, `cut-${trial}`)
      const dies = trial % 2 === 0
      for (let resume = false, finished = false; !finished; resume = true) {
        const controller = new AbortController()
        let left = 1 + Math.floor(next() * calls)
        // Half of the trials end by the signal (a clean checkpoint), half by a crash (none).
        const onCall = () => {
          if (--left > 0) return
          if (dies) throw new Error('crash')
          controller.abort()
        }
        try {
          await run({ folder, model: toyPolicy({ onCall }), resume, signal: controller.signal })
          finished = true
        } catch (error) {
          expect(String(error)).toMatch(dies ? /crash/ : /ended after step \d+, with a checkpoint/)
        }
      }
      expect(timeless(folder)).toBe(timeless(whole))
      expect(read(join(folder, 'adapter'), 'toy.json')).toBe(read(join(whole, 'adapter'), 'toy.json'))
    }
  })

  it('leaves a finished run as it is', async () => {
    const folder = join(root, 'done')
    const config = toyConfig({ optim: { steps: 2 } })
    await run({ folder, config })
    const summary = read(folder, 'summary.json')
    expect(await run({ folder, config, resume: true })).toEqual(JSON.parse(summary))
    expect(read(folder, 'summary.json')).toBe(summary)
  })

  it('refuses other settings, other examples and the run of another command', async () => {
    const folder = join(root, 'changed')
    const config = toyConfig({ optim: { steps: 2 } })
    await run({ folder, config })
    await expect(run({ folder, config })).rejects.toThrow(/already holds a run/)
    const slower = toyConfig({ optim: { steps: 2, learningRate: 0.1 } })
    await expect(run({ folder, config: slower, resume: true })).rejects.toThrow('optim.learningRate: 0.2 then, 0.1 now')
    const examples = toyExamples().map((example) => ({ ...example, target: [STOP] }))
    await expect(run({ folder, config, examples, resume: true })).rejects.toThrow('data.digest')
    const generator = trainConfigSchema.parse({ name: 'toy', logs: { paths: ['toy.jsonl'] }, model: 'toy' })
    await expect(toyRun({ config: generator, out: folder, resume: true })).rejects.toThrow(/is a run of bump sft/)
  })
})

describe('examples that cannot be trained on', () => {
  it('are refused by name', async () => {
    const folder = join(root, 'bad')
    const [first, ...rest] = toyExamples()
    const refused = (example: SftExample, message: RegExp) =>
      expect(run({ folder, examples: [example, ...rest] })).rejects.toThrow(message)
    await refused({ ...first, target: [] }, /example q0 has no target/)
    await refused({ ...first, prompt: new Array<number>(5000).fill(32) }, /example q0 has 5002 tokens.*4096/)
  })
})
