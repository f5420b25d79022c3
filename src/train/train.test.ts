// train() as programs call it, on the real engine: the bundled nano model learns; with a tiny one, it is the call that the
// command line makes, and what a caller passes in (reward, judge, events) takes part and is recorded.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { main } from '../cli/main.ts'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { type CompareProfilesOptions, compareProfiles } from '../evaluate/profiles/compare.ts'
import { openGenerator } from '../generator/open.ts'
import type { Judge, Pool } from '../judge/types.ts'
import { openLogs } from '../logs/open.ts'
import { openModel } from '../model/onnx/open.ts'
import { openEncoder } from '../model/onnx/open-encoder.ts'
import { defineReward } from '../reward/custom.ts'
import { type TrainEvent, type TrainOptions, train } from './train.ts'

const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'bump-train-'))
const TINY = join(folder, 'tiny')
/** 40 people of the example log. */
const LOG = join(folder, 'log.jsonl')
beforeAll(() => {
  writeTinyFolder(TINY)
  const lines = readFileSync(asset('example/log.jsonl'), 'utf8').match(/.*"person-0[0-3].*\n/g)!
  writeFileSync(LOG, lines.join(''))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

/** A short run. */
const SHORT = {
  split: { validation: 4, test: 4 },
  prompt: { historyTokens: 160 },
  rollout: { users: 4, groupSize: 4 },
  profile: { maxTokens: 12 },
  reward: { negatives: 3 },
  optim: { steps: 2, learningRate: 1e-3 },
} satisfies Partial<TrainOptions>
const short = (out: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  ...SHORT,
  model: TINY,
  logs: LOG,
  out: join(folder, out),
  engine: { threads: 1 },
  ...more,
})

const read = (run: string, file: string) => readFileSync(join(folder, run, file), 'utf8')
const header = (run: string) => JSON.parse(read(run, 'config.json'))
const timeless = (run: string) => read(run, 'metrics.jsonl').replace(/,?"(step_time|time\/\w+)":[\d.e-]+/g, '')
const steps = (run: string): Record<string, number>[] =>
  read(run, 'metrics.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((line) => 'reward' in line)

describe('the real engine', () => {
  it('raises a reward that is easy to raise', { timeout: 240_000 }, async () => {
    const commas = defineReward('commas', ({ text }) => Math.min(4, text.split(',').length - 1) / 4)
    await train(
      short('commas', {
        model: asset('nano'),
        prompt: { historyTokens: 48 },
        customReward: commas,
        trainable: { type: 'full' },
        rollout: { users: 4, groupSize: 8 },
        optim: { steps: 10, learningRate: 1e-3 },
        validation: { every: 10 },
        checkpoint: { every: 10 },
      }),
    )
    const rewards = steps('commas').map((line) => line['rewards/commas/mean'])
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(rewards.slice(-3))).toBeGreaterThan(mean(rewards.slice(0, 3)) + 0.2)
    const validations = read('commas', 'metrics.jsonl')
      .match(/"eval\/commas":[\d.]+/g)!
      .map((text) => Number(text.slice(14)))
    expect(validations.at(-1)).toBeGreaterThan(validations[0] + 0.2)
  })
})

describe('train()', () => {
  it('is the call of bump train: the same seed gives the same bytes', { timeout: 120_000 }, async () => {
    const logs = await openLogs(LOG)
    const model = await openModel(TINY, { trainable: 'lora', seed: 7, threads: 1 })
    const events: TrainEvent['type'][] = []
    const run = await train({
      ...SHORT,
      model,
      logs,
      out: join(folder, 'library', 'same'),
      seed: 7,
      onEvent: ({ type }) => type !== 'note' && events.push(type),
    })
    await model.close()
    logs.close()
    const set: string[] = [
      'split.validation=4',
      'split.test=4',
      'prompt.historyTokens=160',
      'rollout.users=4',
      'rollout.groupSize=4',
    ]
    set.push('profile.maxTokens=12', 'reward.negatives=3', 'optim.learningRate=1e-3')
    const flags = ['--logs', LOG, '--model', TINY, '--seed', '7', '--steps', '2', '--threads', '1', '--name', 'same']
    const silent = vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
    const quiet = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
    const code = await main([
      'train',
      ...flags,
      '--runs',
      join(folder, 'command'),
      ...set.flatMap((one) => ['--set', one]),
    ])
    silent.mockRestore()
    quiet.mockRestore()
    expect(code).toBe(0)
    expect(timeless('library/same')).toBe(timeless('command/same'))
    for (const file of ['config.json', 'users.json', 'rollouts.jsonl', 'profiles.jsonl'])
      expect(read('library/same', file), file).toBe(read('command/same', file))
    expect(run.summary).toEqual(JSON.parse(read('library/same', 'summary.json')))
    expect(run.folder).toBe(join(folder, 'library', 'same'))
    expect(events.slice(0, 3)).toEqual(['logs', 'users', 'start'])
    expect(events.filter((type) => type === 'step')).toHaveLength(2)

    const generator = await openGenerator(run.folder, { threads: 1 })
    const history = ['Spent an hour on away games.', 'Tried penalties at the stadium.', '  ', 'Compared steam engines.']
    const written = await generator.write(history)
    expect(written).toMatchObject({ user: '', shown: [0, 1, 3], generator: generator.digest })
    expect(written.profile).not.toBe('')
    expect(written.tokens.profile).toBeLessThanOrEqual(12)
    const [again, other] = await generator.writeAll([
      { id: 'a', history },
      { id: 'b', history: history.map((text) => ({ text })).slice(0, 1) },
    ])
    expect(again).toEqual({ ...written, user: 'a' })
    expect(other).toMatchObject({ user: 'b', shown: [0] })
    expect(generator.settings).toMatchObject({ maxTokens: 12, temperature: 0, seed: 7, prompt: { historyTokens: 160 } })
    await generator.close()
    await expect(openGenerator(run.folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    })
    const checkpoint = await openGenerator(join(run.folder, 'checkpoints', 'step-2'), { threads: 1 })
    expect(checkpoint.settings).toEqual(generator.settings)
    if (run.summary.bestStep === 2) expect(checkpoint.digest).toBe(generator.digest)
    await checkpoint.close()
    await expect(openGenerator(run.folder, { quantize: 'int8' })).rejects.toThrow(
      /^quantize: .* was trained with quantize: none, and is read so/,
    )
    await expect(openGenerator(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'run-unusable' })
  })

  it('trains in 8 bits, which its generator is then opened in', { timeout: 120_000 }, async () => {
    const run = await train(short('integers', { precision: 'int8' }))
    expect(run.config).toMatchObject({ precision: 'int8', quantize: 'int8' })
    for (const { reward, grad_norm: norm } of steps('integers')) {
      expect(reward).toBeGreaterThan(0)
      expect(norm).toBeGreaterThan(0)
    }
    const generator = await openGenerator(run.folder)
    expect(generator.model.info.opened?.quantize).toBe('int8')
    const { profile } = await generator.write(['apples, a pear', 'a plum'])
    expect(profile).not.toBe('')
    await generator.close()
  })

  it('takes a judge of one’s own, and records which', { timeout: 120_000 }, async () => {
    const words = (text: string): string[] => text.toLowerCase().match(/\w{4,}/g) ?? []
    const shared = ({ query, candidates }: Pool) => [
      candidates.map((text) => words(text).filter((word) => words(query).includes(word)).length),
    ]
    const judge: Judge = {
      name: 'shared words',
      describe: () => ({ version: 3 }),
      score: async ({ forward, backward }) => ({ forward: forward.map(shared), backward: backward.map(shared) }),
    }
    const test = { judges: [{ scorer: 'likelihood' as const }] }
    const { summary } = await train(short('own-judge', { customJudge: judge, optim: { steps: 1 }, test }))
    expect(summary.judges).toMatchObject([{ name: 'likelihood', rewarded: false }])
    expect(header('own-judge').judge).toEqual({ scorer: 'custom', name: 'shared words', version: 3 })
    expect(summary.judge).toEqual(header('own-judge').judge)
    const broken: Judge = { ...judge, score: async () => Promise.reject(new Error('no connection')) }
    await expect(train(short('broken-judge', { customJudge: broken }))).rejects.toMatchObject({
      code: 'reward-failed',
      message: 'the judge shared words failed: no connection',
    })
  })

  it('takes a judge by embeddings, which the comparison of its profiles takes over', { timeout: 120_000 }, async () => {
    const encoder = fileURLToPath(new URL('../engine/golden/encoder-mean', import.meta.url))
    const judge = { scorer: 'embedding', model: encoder } as const
    const opened = await openEncoder(encoder, { threads: 1 })
    const { folder: run } = await train(short('encoder', { judgeModel: opened, optim: { steps: 1 } }))
    await opened.close()
    const recorded = header('encoder').judge
    expect(recorded).toMatchObject({ ...judge, name: encoder, pooling: 'mean', dimensions: 16 })
    const compared = (out: string, more: Partial<CompareProfilesOptions>) =>
      compareProfiles({ runs: [run], out: join(folder, out), poolSizes: [2], kinds: ['generic'], ...more })
    const same = await compared('by-encoder', {})
    expect(same.settings.judge).toMatchObject({ model: encoder, digest: recorded.digest, config: judge })
    expect(same.tables[0].notes.join()).toContain('the same that')
    const other = await compared('by-model', { scorer: 'likelihood' })
    expect(other.settings.judge).toMatchObject({ model: TINY, config: { scorer: 'likelihood' } })
    await expect(train(short('no-encoder', { judge: { scorer: 'embedding', model: TINY } }))).rejects.toThrow(
      /not an encoder of the BERT family/,
    )
    await expect(train(short('no-model', { judge: { scorer: 'likelihood', model: encoder } }))).rejects.toThrow(
      /needs the embedding scorer/,
    )
  })

  it('trains on hard examples: the embedder is recorded, and resume takes no other', { timeout: 120_000 }, async () => {
    const golden = (name: string) => fileURLToPath(new URL(`../engine/golden/${name}`, import.meta.url))
    const hard = (embedder: string) => ({
      split: { ...SHORT.split, heldOut: 2 },
      reward: { negatives: 2, hardExamples: { embedder } },
      optim: { steps: 1 },
    })
    const encoder = golden('encoder-mean')
    await train(short('hard', hard(encoder)))
    expect(header('hard').embedder).toMatchObject({ name: encoder, pooling: 'mean', dimensions: 16 })
    expect(steps('hard')).toHaveLength(1)
    const opened = await openEncoder(encoder, { threads: 1 })
    await train(short('hard-opened', { ...hard(encoder), reward: { negatives: 2 }, embedder: opened }))
    await opened.close()
    expect(timeless('hard-opened')).toBe(timeless('hard'))
    await expect(train(short('hard', { ...hard(golden('encoder-cls')), resume: true }))).rejects.toThrow(
      /embedder\.digest/,
    )
    await expect(train(short('no', hard(TINY)))).rejects.toThrow(/not an encoder of the BERT family/)
    await expect(train(short('no', hard('/no/where')))).rejects.toThrow(/\/no\/where/)
    await expect(train(short('no', { ...hard(encoder), split: SHORT.split }))).rejects.toThrow(/Raise split\.heldOut/)
  })

  it('is rewarded by the worst of several judges, and tested by others', { timeout: 120_000 }, async () => {
    const model = fileURLToPath(new URL('../engine/golden/encoder-mean', import.meta.url))
    const embedding = { scorer: 'embedding', model } as const
    const judges = [{ scorer: 'likelihood' as const }, embedding]
    const other = { scorer: 'embedding', model, maxProfileTokens: 4 } as const
    const more = {
      judge: { scorer: 'several', combine: 'worst', judges },
      optim: { steps: 1 },
      test: { judges: [other] },
    } satisfies Partial<TrainOptions>
    const { folder: run, summary } = await train(short('several', more))
    expect(header('several')).toMatchObject({
      judge: { scorer: 'several', combine: 'worst', judges: [{ scorer: 'likelihood' }, { pooling: 'mean' }] },
      testJudges: [{ scorer: 'embedding', maxProfileTokens: 4, name: model }],
    })
    const names = ['likelihood', 'embedding', 'embedding2']
    expect(summary.judges!.map(({ name, rewarded }) => [name, rewarded])).toEqual(names.map((name, i) => [name, i < 2]))
    const lines = read('several', 'profiles.jsonl').trim().split('\n')
    for (const { before, after } of lines.map((line) => JSON.parse(line)))
      for (const { forward, judges } of [before, after]) {
        expect(Object.keys(judges)).toEqual(names)
        expect(forward).toBe(Math.min(judges.likelihood.forward, judges.embedding.forward))
      }
    const [step] = steps('several')
    expect(step['rewards/forward/mean']).toBeLessThanOrEqual(step['rewards/embedding/forward/mean'])
    const { tables, settings } = await compareProfiles({
      runs: [run],
      out: join(folder, 'by-each'),
      poolSizes: [2],
      kinds: ['generic', 'run'],
    })
    expect(tables.map(({ title }) => title)).toEqual([
      expect.stringMatching(/^K = 2, judged by likelihood on tiny: /),
      expect.stringMatching(/^K = 2, judged by embedding on encoder-mean: /),
      'What the profiles look like',
    ])
    expect(tables[1].notes.join()).toMatch(/trained with the worst of likelihood and embedding .*this judge among them/)
    expect(settings.judges).toHaveLength(2)

    const opened = await openEncoder(model)
    const refused = (change: Partial<TrainOptions>) => expect(train(short('refused', change))).rejects
    await refused({ ...more, judgeModel: opened }).toThrow(/^judgeModel does nothing here/)
    await refused({ ...more, test: { judges: [embedding] } }).toThrow(
      /are the same, the embedding scorer on .*: name it once/,
    )
    await opened.close()
    const base = { scorer: 'likelihood', model: TINY } as const
    await refused({ test: { judges: [base] } }).toThrow(/the same, the likelihood scorer on .*tiny: name it/)
    const wrong = { scorer: 'likelihood', model } as const
    await refused({ test: { judges: [wrong] } }).toThrow(/needs the embedding scorer/)
  })

  it('takes a reward module from the command line, only where the command names it', { timeout: 120_000 }, async () => {
    const module = join(folder, 'reward.mjs')
    writeFileSync(module, 'export default ({ text }, { id }) => ({ letters: text.length / 100, known: id ? 1 : 0 })\n')
    const set = ['split.validation=4', 'split.test=4', 'rollout.users=4', 'rollout.groupSize=2', 'profile.maxTokens=8']
    const flags = ['--logs', LOG, '--model', TINY, '--threads', '1', '--name', 'module', '--runs', folder]
    const command = (...more: string[]) => main(['train', ...flags, ...set.flatMap((one) => ['--set', one]), ...more])
    let errors = ''
    const silent = vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
    const quiet = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      errors += text
      return true
    })
    const second = join(folder, 'second.mjs')
    writeFileSync(second, 'export default async () => 2\n')
    const named = ['--reward', module, '--add-reward', `${second}=0.5`]
    expect(await command(...named, '--steps', '1'), errors).toBe(0)
    expect(steps('module')[0]).toMatchObject({ 'rewards/known/mean': 1, 'rewards/second/mean': 2 })
    const digest = expect.stringMatching(/^[0-9a-f]{64}$/)
    expect(header('module')).toMatchObject({
      config: { reward: { type: 'custom', name: module, added: [{ name: second, weight: 0.5 }] } },
      reward: { name: module, module: digest, added: [{ name: second, module: digest }] },
    })
    expect(await main(['train', '--resume', '--name', 'module', '--runs', folder, '--reward', module])).toBe(2)
    expect(errors).toContain(`name it by --add-reward ${second}=0.5 if you trust it`)
    expect(await main(['train', '--resume', '--name', 'module', '--runs', folder])).toBe(2)
    expect(errors).toContain(`name it by --reward ${module} if you trust it`)
    writeFileSync(module, 'export default 3\n')
    expect(await command('--reward', join(folder, 'none.mjs'), '--name', 'none')).toBe(2)
    silent.mockRestore()
    quiet.mockRestore()
  })

  it('refuses what does not go together', async () => {
    const inference = await openModel(TINY, { threads: 1 })
    await expect(train(short('a', { model: inference }))).rejects.toThrow(/opened for inference.*trainable/)
    await inference.close()
    const model = await openModel(TINY, { trainable: 'lora', threads: 1 })
    await expect(train(short('b', { model, seed: 2 }))).rejects.toThrow(/opened with seed 1.*this run has seed 2/)
    const lora = { type: 'lora', rank: 4 } as const
    await expect(train(short('b', { model, trainable: lora }))).rejects.toThrow(/^trainable does nothing here/)
    await expect(train(short('b', { model, quantize: 'int8' }))).rejects.toThrow(/^quantize does nothing here/)
    const customJudge: Judge = {
      name: 'none',
      describe: () => ({}),
      score: async () => ({ forward: [], backward: [] }),
    }
    await expect(train(short('b', { model, judgeModel: model, customJudge }))).rejects.toThrow(/^judgeModel does noth/)
    await model.close()
    const wrong = { optim: { steps: 2, learningrate: 1 } } as unknown as Partial<TrainOptions>
    await expect(train(short('c', wrong))).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('unknown key optim.learningrate; did you mean learningRate?'),
    })
    await expect(train(short('d', { reward: { type: 'custom', name: 'mine' } }))).rejects.toThrow(/customReward/)
    await expect(train(short('e', { logs: join(folder, 'none.jsonl') }))).rejects.toMatchObject({
      code: 'logs-unusable',
    })
  })

  it('begins at the base: an open model serves one run', { timeout: 120_000 }, async () => {
    const model = await openModel(TINY, { trainable: 'lora', threads: 1 })
    await train(short('one', { model, optim: { steps: 1 } }))
    await expect(train(short('two', { model, optim: { steps: 1 } }))).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('open the model anew for each run'),
    })
    expect(existsSync(join(folder, 'two'))).toBe(false)
    const again = await train(short('one', { model, optim: { steps: 1 }, resume: true }))
    expect(again.summary.steps).toBe(1)
    await model.close()
  })

  it('ends at a clean checkpoint where the signal aborts, and goes on', { timeout: 120_000 }, async () => {
    const controller = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step' && event.step === 1) controller.abort()
    }
    const options = short('stopped', { signal: controller.signal, onEvent })
    await expect(train(options)).rejects.toMatchObject({ code: 'cancelled', message: expect.stringMatching(/step 1/) })
    const { summary } = await train(short('stopped', { resume: true }))
    expect(summary.steps).toBe(2)
    await train(short('straight'))
    expect(timeless('stopped')).toBe(timeless('straight'))
  })
})
