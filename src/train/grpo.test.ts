// The whole loop on a toy world: it learns, it logs TRL's names, and however it is interrupted and resumed, it writes
// the very bytes of an uninterrupted run.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkpointSteps, readRunUsers } from '../run/read.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { type TrainConfig, type TrainConfigInput, trainConfigSchema } from './config.ts'
import { readBaseline } from './final-test.ts'
import { toyPolicy, toySplit } from './testing/toy-policy.ts'
import { type ToyRun, toyRun } from './testing/toy-run.ts'
import type { TrainEvent, TrainRun } from './train.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bump-train-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function toyConfig(changes: Partial<TrainConfigInput> = {}): TrainConfig {
  return trainConfigSchema.parse({
    name: 'toy',
    logs: { paths: ['toy.jsonl'] },
    model: 'toy',
    rollout: { users: 4, groupSize: 4 },
    profile: { maxTokens: 6 },
    optim: { steps: 30, learningRate: 0.3 },
    reward: { positives: 2, negatives: 4 },
    validation: { every: 5 },
    checkpoint: { every: 3 },
    ...changes,
  })
}

function run({ folder, ...changes }: Partial<ToyRun> & { folder: string }): Promise<TrainRun> {
  return toyRun({ config: toyConfig(), out: folder, ...changes })
}

const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8')
const lines = (folder: string, file: string): Record<string, unknown>[] =>
  read(folder, file)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** metrics.jsonl without its time fields. */
function timeless(folder: string): string {
  return read(folder, 'metrics.jsonl').replace(/,?"(step_time|time\/\w+)":[\d.e-]+/g, '')
}

describe('training', () => {
  it('raises the NDCG of users never trained on, and says so in summary.json', async () => {
    const folder = join(root, 'toy')
    await run({ folder })
    const summary = JSON.parse(read(folder, 'summary.json'))
    expect(summary.difference.forward.low).toBeGreaterThan(0)
    expect(summary.difference.both.low).toBeGreaterThan(0)
    expect(summary.after.backward.mean).toBeGreaterThan(summary.before.backward.mean)
    expect(summary.difference.both.mean).toBeCloseTo(summary.after.both.mean - summary.before.both.mean, 10)
    expect(summary).toMatchObject({ users: 12, steps: 30, seed: 1, model: { digest: 'toy-digest' } })
    expect(summary.seconds).toHaveProperty('rollout')
    expect(summary.peakMemoryBytes).toBeGreaterThan(1e6)
    expect(summary.chance.forward).toBeGreaterThan(0.3)

    const steps = lines(folder, 'metrics.jsonl').filter((line) => 'reward' in line)
    const reward = (from: number, to: number) =>
      steps.slice(from, to).reduce((sum, line) => sum + Number(line.reward), 0) / (to - from)
    expect(reward(25, 30)).toBeGreaterThan(reward(0, 5) + 0.2)
    expect(lines(folder, 'profiles.jsonl')).toHaveLength(12)
    expect(lines(folder, 'rollouts.jsonl')).toHaveLength(30 * 4 * 4)
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  it('logs the names that TRL users know, on every step', async () => {
    const folder = join(root, 'names')
    await run({ folder, config: toyConfig({ optim: { steps: 2, klCoef: 0.01 } }) })
    const names = [
      ...['step', 'reward', 'reward_std', 'frac_reward_zero_std', 'entropy', 'kl', 'loss', 'grad_norm'],
      ...['rewards/forward/mean', 'rewards/backward/mean', 'rewards/length/mean', 'learning_rate', 'num_tokens'],
      ...['completions/mean_length', 'completions/min_length', 'completions/max_length', 'completions/clipped_ratio'],
      ...['clip_ratio/low_mean', 'clip_ratio/high_mean', 'clip_ratio/region_mean'],
      ...['sampling/sampling_logp_difference/mean', 'sampling/importance_sampling_ratio/mean'],
      ...['step_time', 'time/rollout', 'time/judge', 'time/train'],
    ]
    const steps = lines(folder, 'metrics.jsonl').filter((line) => 'reward' in line)
    expect(steps).toHaveLength(2)
    for (const line of steps) for (const name of names) expect(line[name], name).toBeTypeOf('number')
  })

  it('tells where a step, validation and the final test are, part by part', async () => {
    const told: string[] = []
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'progress' && event.share === 0)
        told.push(`${event.phase} ${event.part}/${event.parts} ${event.what}`)
    }
    await run({ folder: join(root, 'progress'), config: toyConfig({ optim: { steps: 1 } }), onEvent })
    expect(told.slice(-10)).toEqual([
      'rollout 1/1 step 1',
      'judge 1/1 step 1',
      'validation 1/2 profiles',
      'validation 2/2 judging',
      'test 1/6 profiles before training',
      'test 2/6 judging those before training',
      'test 3/6 profiles after training',
      'test 4/6 judging those after training',
      'test 5/6 judging the raw histories',
      "test 6/6 judging other people's profiles",
    ])
  })

  it('logs no KL where the base is not asked: null, not 0', async () => {
    const folder = join(root, 'no-kl')
    await run({ folder, config: toyConfig({ optim: { steps: 2, numUpdates: 2 } }) })
    const steps = lines(folder, 'metrics.jsonl').filter((line) => 'reward' in line)
    expect(steps).toHaveLength(2)
    for (const line of steps) expect(line).toMatchObject({ kl: null, entropy: expect.any(Number) })
  })

  it.each(['grpo', 'dr_grpo', 'dapo', 'gspo', 'cispo'] as const)('learns with %s and several updates', async (loss) => {
    const folder = join(root, loss)
    const optim = { loss, steps: 20, learningRate: 0.2, numUpdates: 2, klCoef: 1e-3, maskTruncated: false }
    const importanceSampling = { enabled: true, cap: 2 }
    await run({ folder, config: toyConfig({ optim: { ...optim, importanceSampling } }) })
    expect(JSON.parse(read(folder, 'summary.json')).difference.both.mean).toBeGreaterThan(0.1)
  })

  it('samples and trains on one distribution, which the second update of a batch has left', async () => {
    const step = async (numUpdates: number) => {
      const folder = join(root, `updates-${numUpdates}`)
      // At first the policy is uniform, the same at any temperature.
      const optim = { steps: 2, learningRate: 1, numUpdates }
      await run({ folder, config: toyConfig({ optim, rollout: { users: 4, groupSize: 4, temperature: 0.6 } }) })
      return lines(folder, 'metrics.jsonl').findLast((line) => 'reward' in line)!
    }
    const [one, two] = [await step(1), await step(2)]
    for (const { 'sampling/sampling_logp_difference/max': difference } of [one, two])
      expect(difference).toBeLessThan(1e-5)
    expect(one['clip_ratio/region_mean']).toBe(0)
    expect(two['clip_ratio/region_mean']).toBeGreaterThan(0.1)
    expect(two.loss).not.toBeCloseTo(one.loss as number, 3)
  })

  it('begins the ratios at the log probabilities of training where rollouts are of other weights', async () => {
    const clipped = async (quantize: 'none' | 'int8') => {
      const folder = join(root, quantize)
      const policy = toyPolicy()
      const model = {
        ...policy,
        async sample(...args: Parameters<typeof policy.sample>) {
          const groups = await policy.sample(...args)
          for (const { logprobs } of groups.flat()) logprobs.set(logprobs.map((value) => value - 0.3))
          return groups
        },
      }
      await run({ folder, model, config: toyConfig({ quantize, optim: { steps: 1 } }) })
      const step = lines(folder, 'metrics.jsonl').find((line) => 'reward' in line)!
      expect(step['sampling/sampling_logp_difference/mean']).toBeCloseTo(0.3, 4)
      return step['clip_ratio/region_mean']
    }
    expect(await clipped('int8')).toBe(0)
    expect(await clipped('none')).toBeGreaterThan(0.1)
  })

  it('makes no step where every completion is cut at the token limit', async () => {
    const folder = join(root, 'truncated')
    const model = toyPolicy()
    // A policy that never stops.
    for (const row of model.state.table) row[row.length - 1] = -60
    const before = JSON.stringify(model.state)
    await run({ folder, model, config: toyConfig({ optim: { steps: 1, maskTruncated: true } }) })
    const [line] = lines(folder, 'metrics.jsonl').filter((record) => 'reward' in record)
    expect(line).toMatchObject({ 'completions/clipped_ratio': 1, grad_norm: null, loss: null })
    expect(line.dropped_groups).toBeLessThan(4)
    expect(JSON.stringify(model.state)).toBe(before)
  })

  it('refuses a loss that is no number before the policy moves', async () => {
    const folder = join(root, 'diverged')
    const model = toyPolicy()
    const forwardBackward = model.forwardBackward
    model.forwardBackward = async (...args) => ({ ...(await forwardBackward(...args)), loss: Number.NaN })
    const before = JSON.stringify(model.state)
    const running = run({ folder, model, config: toyConfig({ optim: { steps: 1 } }) })
    await expect(running).rejects.toThrow(/Step 1 diverged \(loss is NaN\).*learningRate/)
    expect(JSON.stringify(model.state)).toBe(before)
  })

  it('drops groups whose raw NDCG does not vary, and makes no step where all are dropped', async () => {
    const folder = join(root, 'dropped')
    const model = toyPolicy()
    // A policy that always says the same: equal profiles, equal NDCG.
    for (const row of model.state.table) row[0] = 60
    const before = JSON.stringify(model.state)
    await run({ folder, model, config: toyConfig({ optim: { steps: 1, klCoef: 0.1 }, reward: { lengthBudget: 2 } }) })
    const [line] = lines(folder, 'metrics.jsonl').filter((record) => 'reward' in record)
    expect(line).toMatchObject({ dropped_groups: 4, frac_reward_zero_std: 1, grad_norm: null, loss: null })
    expect(JSON.stringify(model.state)).toBe(before)
  })

  it('stops early, keeps the best checkpoint and measures that one, or the last one', async () => {
    const ended = async (select: 'best' | 'last') => {
      const folder = join(root, `early-${select}`)
      const optim = { steps: 200, learningRate: 0.3 }
      await run({ folder, config: toyConfig({ optim, validation: { every: 2, patience: 3, select } }) })
      return { folder, summary: JSON.parse(read(folder, 'summary.json')) }
    }
    const { folder, summary } = await ended('best')
    expect(summary.steps).toBeLessThan(200)
    expect(summary.steps).toBe(summary.bestStep + 6)
    expect(checkpointSteps(folder)).toContain(summary.bestStep)
    expect(checkpointSteps(folder).length).toBeLessThanOrEqual(3)
    const last = (await ended('last')).summary
    expect(last).toMatchObject({ steps: summary.steps, bestStep: summary.steps, before: summary.before })
  })
})

describe('a baseline', () => {
  it('of another run takes the place of measuring it anew, and changes no number', async () => {
    const config = (backwardWeight: number) =>
      toyConfig({ optim: { steps: 3, learningRate: 0.3 }, reward: { positives: 2, negatives: 4, backwardWeight } })
    const first = join(root, 'first')
    const result = await run({ folder: first, config: config(1) })
    const calls = { alone: 0, given: 0 }
    const count = (which: keyof typeof calls) => toyPolicy({ onCall: () => void calls[which]++ })
    await run({ folder: join(root, 'alone'), config: config(0), model: count('alone') })
    const baseline = readBaseline(first, result.summary)
    await run({ folder: join(root, 'given'), config: config(0), model: count('given'), baseline })
    expect(calls.given).toBeLessThan(calls.alone)
    expect(read(join(root, 'given'), 'profiles.jsonl')).toBe(read(join(root, 'alone'), 'profiles.jsonl'))
    const numbers = (folder: string) => {
      const { before, after, difference, controls, chance } = JSON.parse(read(folder, 'summary.json'))
      return { before, after, difference, controls, chance }
    }
    expect(numbers(join(root, 'given'))).toEqual(numbers(join(root, 'alone')))
  })
})

describe('resuming', () => {
  it('gives the same bytes wherever the run was ended, 25 times', async () => {
    const config = toyConfig({ optim: { steps: 12, learningRate: 0.3, numUpdates: 2, klCoef: 0.01 } })
    const whole = join(root, 'whole')
    let calls = 0
    await run({ folder: whole, config, model: toyPolicy({ onCall: () => void calls++ }) })
    const next = uniform(seedFrom('interrupt'))
    for (let trial = 0; trial < 25; trial++) {
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
        const model = toyPolicy({ onCall })
        try {
          await run({ folder, config, model, resume, signal: controller.signal })
          finished = true
        } catch (error) {
          expect(String(error)).toMatch(dies ? /crash/ : /ended after step \d+, with a checkpoint/)
        }
      }
      expect(timeless(folder)).toBe(timeless(whole))
      expect(read(folder, 'rollouts.jsonl')).toBe(read(whole, 'rollouts.jsonl'))
      expect(read(folder, 'profiles.jsonl')).toBe(read(whole, 'profiles.jsonl'))
      expect(existsSync(join(folder, 'lock'))).toBe(false)
    }
  })

  it('goes back to the checkpoint before where one is half written or half removed', async () => {
    const whole = join(root, 'whole')
    await run({ folder: whole })
    const folder = join(root, 'torn')
    let calls = 0
    const model = toyPolicy({
      onCall: () => {
        if (++calls === 60) throw new Error('crash')
      },
    })
    await expect(run({ folder, model })).rejects.toThrow('crash')
    const step = checkpointSteps(folder).at(-1)!
    mkdirSync(join(folder, 'checkpoints', `step-${step + 3}.tmp`))
    mkdirSync(join(folder, 'checkpoints', 'step-1.old.tmp'))
    writeFileSync(join(folder, 'metrics.jsonl'), `${read(folder, 'metrics.jsonl')}{"step":99,"rew`)
    await run({ folder, resume: true })
    expect(timeless(folder)).toBe(timeless(whole))
    expect(readdirSync(join(folder, 'checkpoints')).every((name) => /^step-\d+$/.test(name))).toBe(true)
  })

  it('leaves a finished run as it is', async () => {
    const folder = join(root, 'done')
    const config = toyConfig({ optim: { steps: 2 } })
    await run({ folder, config })
    const summary = read(folder, 'summary.json')
    expect((await run({ folder, config, resume: true })).summary).toEqual(JSON.parse(summary))
    expect(read(folder, 'summary.json')).toBe(summary)
  })

  it('says who was trained on, also after a resume of a folder without the list', async () => {
    const folder = join(root, 'users')
    const config = toyConfig({ optim: { steps: 1 } })
    await run({ folder, config })
    const { train, validation, test } = toySplit()
    const ids = [train, validation, test].map((part) => part.map(({ id }) => id))
    expect(readRunUsers(folder)).toEqual({ train: ids[0], validation: ids[1], test: ids[2] })
    rmSync(join(folder, 'users.json'))
    await run({ folder, config, resume: true })
    expect(readRunUsers(folder).train).toEqual(ids[0])
    writeFileSync(join(folder, 'users.json'), '{"train": 3}')
    expect(() => readRunUsers(folder)).toThrow(/users\.json is missing or damaged/)
  })

  it('refuses another config, model or log, and names what differs', async () => {
    const folder = join(root, 'changed')
    const config = toyConfig({ optim: { steps: 2 } })
    await run({ folder, config })
    await expect(run({ folder, config })).rejects.toThrow(/already holds a run.*resuming/)
    const slower = toyConfig({ optim: { steps: 2, learningRate: 0.01 } })
    await expect(run({ folder, config: slower, resume: true })).rejects.toThrow(
      'optim.learningRate: 0.0001 then, 0.01 now',
    )
    await expect(run({ folder, config, model: toyPolicy({ digest: 'other' }), resume: true })).rejects.toThrow(
      'model.digest: "toy-digest" then, "other" now',
    )
    const users = toySplit()
    users.train[0].history[0].text = 'another record'
    await expect(run({ folder, config, users, resume: true })).rejects.toThrow('data.digest')
  })
})

describe('starting', () => {
  it('records addresses without their secrets, and goes on with the same run', async () => {
    const folder = join(root, 'addresses')
    const logs = {
      paths: ['https://me:word@host/log.jsonl?X-Amz-Signature=abc'],
      testPaths: ['s3://b/t.jsonl?key=def'],
      with: { items: 'https://host/items.csv?key=def', local: 'local.csv' },
    }
    const config = toyConfig({ logs, optim: { steps: 1 } })
    await run({ folder, config })
    expect(JSON.parse(read(folder, 'config.json')).config.logs).toEqual({
      paths: ['https://host/log.jsonl'],
      testPaths: ['s3://b/t.jsonl'],
      with: { items: 'https://host/items.csv', local: 'local.csv' },
    })
    await expect(run({ folder, config, resume: true })).resolves.toMatchObject({ folder })
  })

  it('says which part of the users is too small', async () => {
    const users = { ...toySplit(), validation: [] }
    await expect(run({ folder: join(root, 'few'), users })).rejects.toThrow(
      /validation part has 0 users.*split\.validation/,
    )
    const config = toyConfig({ rollout: { users: 50 } })
    await expect(run({ folder: join(root, 'few'), config })).rejects.toThrow(/rollout\.users/)
  })

  it('refuses a folder that another process holds, and takes over the lock of one that is gone', async () => {
    const folder = join(root, 'locked')
    mkdirSync(folder)
    const lock = (pid: number, started: string | null) =>
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid, started }))
    const stat = existsSync('/proc/1/stat') ? readFileSync('/proc/1/stat', 'utf8') : undefined
    lock(1, stat ? stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] : null)
    await expect(run({ folder })).rejects.toThrow(/in use by process 1/)
    // No process has this id.
    lock(2 ** 30, null)
    expect((await run({ folder, config: toyConfig({ optim: { steps: 1 } }) })).summary.steps).toBe(1)
  })
})
