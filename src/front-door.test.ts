// What a program meets at the front door besides results: options that JavaScript left out, work that it aborts, models
// that it closed.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { writeTinyFolder } from './engine/weights/testing/tiny-folder.ts'
import {
  type BumpError,
  CancelledError,
  type CompareProfilesOptions,
  compareProfiles,
  inspectLogs,
  type JudgeCheckEvent,
  type JudgeCheckOptions,
  judgeCheck,
  type LanguageModel,
  openEncoder,
  openGenerator,
  openLogs,
  openModel,
  openOpenAi,
  runAblation,
  type TrainEvent,
  type TrainOptions,
  train,
  writeReport,
} from './index.ts'
import { trainConfigSchema } from './train/config.ts'

const LOG = fileURLToPath(new URL('../assets/example/log.jsonl', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'bump-door-'))
const TINY = join(folder, 'tiny')

let model: LanguageModel
beforeAll(async () => {
  writeTinyFolder(TINY)
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
  model = await openModel(TINY, { threads: 1 })
})
afterAll(async () => {
  await model.close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

describe('what is left out is named', () => {
  const none = undefined as never
  it.each<[string, () => unknown, RegExp]>([
    ['train()', () => train(none), /^train\(\) lacks model, logs, out/],
    [
      'train() without logs',
      () => train({ model: TINY, out: 'x' } as TrainOptions),
      /lacks logs: it needs model, logs/,
    ],
    ['judgeCheck()', () => judgeCheck({ logs: LOG } as JudgeCheckOptions), /^judgeCheck\(\) lacks model/],
    ['compareProfiles()', () => compareProfiles({ model: TINY } as CompareProfilesOptions), /lacks out/],
    ['runAblation()', () => runAblation(none), /lacks config, variants, seeds, runs/],
    ['openLogs()', () => openLogs(none), /^openLogs\(\) lacks paths/],
    ['inspectLogs()', () => inspectLogs(none), /^inspectLogs\(\) lacks logs/],
    ['openModel()', () => openModel(none), /^openModel\(\) lacks model/],
    ['openEncoder()', () => openEncoder(none), /^openEncoder\(\) lacks encoder/],
    ['openGenerator()', () => openGenerator(none), /^openGenerator\(\) lacks from/],
    ['openOpenAi()', async () => openOpenAi(none), /lacks baseUrl, model/],
    ['writeReport()', () => writeReport(none), /lacks runs/],
    ['openLogs() of a source', () => openLogs({ paths: [LOG] } as never), /^openLogs\(\): paths is a text or a list/],
    ['a misspelt column', () => openLogs(LOG, { usr: 'user' } as never), /^openLogs\(\): unknown usr; there are paths/],
    ['columns in a text', () => openLogs(LOG, { columns: 'user,text' as never }), /columns is not a list of texts/],
    ['tables in a list', () => openLogs(LOG, { with: [LOG] as never }), /with is not an object of files/],
    ['a misspelt query', () => inspectLogs({ paths: [LOG], sql: 'x' } as never), /^inspectLogs\(\): unknown sql/],
    ['a source without paths', () => inspectLogs({ user: 'user' } as never), /^inspectLogs\(\) lacks paths/],
    ['a misspelt option', () => openModel(TINY, { trainble: 'lora' } as never), /^openModel\(\): unknown trainble/],
    [
      'what is trainable',
      () => openModel(TINY, { trainable: 'qlora' as never }),
      /there is no "qlora". It is lora, full/,
    ],
    ['an option of another', () => openGenerator({ model: TINY }, { trainable: 'lora' } as never), /unknown trainable/],
    ['people', () => openGenerator({ model: TINY }, { users: 0 }), /^openGenerator\(\): users: /],
    ['memory in words', () => openModel(TINY, { memory: '2GB' as never }), /^memory: "2GB" is no number of bytes/],
    ['no memory', () => openModel(TINY, { memory: 0 }), /^memory: 0 is no number of bytes above 0; 2 GB are 2e9/],
    ['integers', () => openModel(TINY, { quantize: 'int4' as never }), /there is no "int4". It is none, int8/],
    ['a device', () => openModel(TINY, { device: 'gpu' as never }), /there is no "gpu". It is cpu, webgpu, cuda, auto/],
  ])('%s', async (_, call, message) => {
    await expect((async () => call())()).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringMatching(message),
    })
  })

  it('a history that is no list of texts', async () => {
    const generator = await openGenerator({ model: TINY }, { threads: 1 })
    for (const history of ['a text', undefined, [{ body: 'a text' }], [undefined]])
      await expect(generator.write(history as never)).rejects.toMatchObject({
        code: 'invalid-options',
        message: expect.stringContaining('a history is a list of interactions'),
      })
    await generator.close()
  })
})

describe('an abort ends', () => {
  const cancelled = { name: 'CancelledError', code: 'cancelled' }
  /** The types of the events of a call that is aborted at the first one of type `at`. */
  async function aborted(at: string, call: (options: Aborted) => Promise<unknown>): Promise<string[]> {
    const controller = new AbortController()
    const seen: string[] = []
    const onEvent = ({ type }: { type: string }): void => {
      seen.push(type)
      if (type === at) controller.abort()
    }
    await expect(call({ signal: controller.signal, onEvent })).rejects.toMatchObject(cancelled)
    return seen
  }
  interface Aborted {
    signal: AbortSignal
    onEvent: (event: { type: string }) => void
  }
  const config = trainConfigSchema.parse({ name: 'door', logs: { paths: [LOG] }, model: TINY })

  it('reading logs, and leaves none of their texts behind', async () => {
    const controller = new AbortController()
    const opening = openLogs(LOG, { signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toBeInstanceOf(CancelledError)
    expect(readdirSync(join(folder, 'cache', 'logs'))).toEqual([])
  })

  it('train() before its models are open', async () => {
    const run = (more: Aborted) => train({ model: TINY, logs: LOG, out: join(folder, 'train'), ...more })
    expect(await aborted('users', run)).toEqual(['note', 'logs', 'users'])
  })

  it('judgeCheck() before anything is judged', async () => {
    expect(await aborted('users', (more) => judgeCheck({ model, logs: LOG, ...more }))).toEqual(['logs', 'users'])
  })

  it('compareProfiles() before a model is open', async () => {
    const run = (more: Aborted) => compareProfiles({ model: TINY, logs: LOG, out: join(folder, 'compare'), ...more })
    expect((await aborted('logs', run)).filter((type) => type === 'progress')).toEqual([])
  })

  it('runAblation() before a model is open', async () => {
    const options = { config, variants: ['both', 'forward'] as const, seeds: [1], runs: folder }
    expect(await aborted('logs', (more) => runAblation({ ...options, ...more }))).not.toContain('start')
  })

  it('opening a model', async () => {
    const controller = new AbortController()
    const opening = openModel(TINY, { signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toBeInstanceOf(CancelledError)
  })
})

describe('no phase is silent', () => {
  it('judgeCheck() tells how far each query is', async () => {
    const shares: number[] = []
    const onEvent = (event: JudgeCheckEvent): void => {
      if (event.type === 'judging' && event.query === 'history') shares.push(event.share)
    }
    await judgeCheck({ model, logs: LOG, users: 60, judges: [{ scorer: 'likelihood' }], onEvent })
    expect(shares[0]).toBe(0)
    expect(shares.length).toBeGreaterThan(1)
    expect([...shares].sort((a, b) => a - b)).toEqual(shares)
  })

  it('train() says that it reads logs, and where a step is', async () => {
    const told: string[] = []
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'progress' && event.share > 0) told.push(event.phase)
      else if (event.type === 'note') told.push(event.text)
    }
    await train({
      model: TINY,
      logs: LOG,
      out: join(folder, 'told'),
      engine: { threads: 1 },
      split: { validation: 4, test: 4 },
      prompt: { historyTokens: 64 },
      profile: { maxTokens: 24 },
      optim: { steps: 1 },
      onEvent,
    })
    expect(told[0]).toBe(`reading the logs ${LOG}`)
    for (const phase of ['rollout', 'judge', 'validation', 'test']) expect(told).toContain(phase)
  })

  it('a generator tells how far a profile is', async () => {
    const generator = await openGenerator({ model: TINY }, { threads: 1, maxTokens: 400 })
    const shares: number[] = []
    await generator.write(['planted beans', 'pruned the roses'], { onProgress: (share) => shares.push(share) })
    await generator.close()
    expect(shares.length).toBeGreaterThan(0)
    for (const share of shares) expect(share).toBeLessThanOrEqual(1)
  })
})

it('a model that was closed says so', async () => {
  const other = await openModel(TINY, { threads: 1 })
  await other.close()
  const error = (await other.labelLogits([[1, 2]], [3]).catch((error: unknown) => error)) as BumpError
  expect(error).toMatchObject({ code: 'model-unusable', message: expect.stringContaining('the model is closed') })
})

it('profiles are compared by a model that is open, which stays open', async () => {
  const { tables } = await compareProfiles({
    model,
    judgeModel: model,
    logs: LOG,
    users: 6,
    poolSizes: [2],
    kinds: ['generic', 'zero-shot'],
    out: join(folder, 'opened'),
  })
  expect(tables[0].rows.map(({ condition }) => condition)).toEqual(['generic', 'zero-shot'])
  expect(await model.labelLogits([[1, 2]], [3], { weights: 'base' })).toHaveLength(1)
})
