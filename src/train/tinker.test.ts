// A whole run on a Tinker server: as one that was ended and resumed, and opened again without the server.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useTemporaryCache } from '../engine/testing/core.ts'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { openGenerator } from '../generator/open.ts'
import { openTokenizer } from '../model/onnx/open-tokenizer.ts'
import { openTinker } from '../model/tinker/open.ts'
import { closeEngines } from '../model/tinker/testing/fake-engines.ts'
import { type FakeServer, fakeServer, SERVED } from '../model/tinker/testing/fake-server.ts'
import { type TrainOptions, train } from './train.ts'

useTemporaryCache()

const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
const tiny = join(mkdtempSync(join(tmpdir(), 'bump-tinker-')), 'tiny')
writeTinyFolder(tiny)
const runs = mkdtempSync(join(tmpdir(), 'bump-tinker-runs-'))
let server: FakeServer
beforeAll(async () => {
  server = await fakeServer({ model: tiny, wire: 'protobuf', reduction: 'mean' })
})
afterAll(async () => {
  await server.close()
  await closeEngines()
})

const optionsOf = (name: string): TrainOptions => ({
  model: tiny,
  logs: asset('example/log.jsonl'),
  out: join(runs, name),
  engine: { type: 'tinker', model: SERVED, server: server.address, threads: 1 },
  trainable: { type: 'lora', rank: 4 },
  split: { validation: 3, test: 3 },
  rollout: { users: 2, groupSize: 3 },
  profile: { maxTokens: 8 },
  prompt: { historyTokens: 64 },
  reward: { type: 'bidirectional', negatives: 2 },
  optim: { steps: 2, learningRate: 1e-3, klCoef: 0.05, loss: 'gspo' },
  validation: { every: 2, select: 'last' },
  checkpoint: { every: 1 },
})

/** A file of a run; metrics without their times. */
const read = (name: string, file: string) =>
  readFileSync(join(runs, name, file), 'utf8').replace(/,"(step_time|time\/\w+)":[\d.e-]+/g, '')

it('gives the same numbers whether it was ended and resumed or not, and a generator that needs no server', async () => {
  const { config, summary } = await train(optionsOf('whole'))
  expect(config.engine).toEqual({ type: 'tinker', model: SERVED })
  expect(config.optim.maxGradNorm).toBe(0)
  expect(summary.model.server).toMatchObject({ engine: 'tinker', reduction: 'mean' })
  const end = new AbortController()
  const ended = train({
    ...optionsOf('ended'),
    signal: end.signal,
    onEvent: (event) => event.type === 'step' && event.step === 1 && end.abort(),
  })
  await expect(ended).rejects.toMatchObject({ code: 'cancelled' })
  await train({ ...optionsOf('ended'), resume: true })
  for (const file of ['metrics.jsonl', 'rollouts.jsonl', 'profiles.jsonl'])
    expect(read('ended', file)).toBe(read('whole', file))
  expect(server.violations).toEqual([])

  const generator = await openGenerator(join(runs, 'whole'), { threads: 1 })
  const { tokenizer, contextLength } = await openTokenizer(tiny)
  const named = {
    server: server.address,
    model: SERVED,
    tokenizer,
    contextLength,
    trainable: { type: 'lora', rank: 4 },
  } as const
  const remote = await openTinker(named)
  await remote.loadState(join(runs, 'whole', 'checkpoints', 'step-2'))
  const request = { prefix: tokenizer.encode('Likes'), continuations: [tokenizer.encode(' old trains and coffee')] }
  const [[[here]], [[there]]] = [await generator.model.score([request]), await remote.score([request])]
  for (const [t, logprob] of here.entries()) expect(Math.abs(logprob - there[t])).toBeLessThan(1e-5)
  expect((await generator.write(['a note on trains'])).generator).not.toBe('')
  await generator.close()
  await remote.close()
})

it('refuses by name what such a server cannot do, before anything is asked', async () => {
  const heard = server.paths.length
  const refused = (options: Partial<TrainOptions>) => expect(train({ ...optionsOf('refused'), ...options })).rejects
  await refused({ rollout: { temperature: 0.7 } }).toThrow(/rollout.temperature.*sampled at 1/)
  await refused({ optim: { maxGradNorm: 1 } }).toThrow(/optim.maxGradNorm.*not clipped/)
  await refused({ trainable: { type: 'full' } }).toThrow(/trainable.type.*only adapters/)
  await refused({ trainable: { type: 'lora', targets: ['q'] } }).toThrow(/trainable.targets/)
  await refused({ engine: { server: server.address } }).toThrow(/Set engine.type to tinker/)
  expect(server.paths.length).toBe(heard)
})
