import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useTemporaryCache } from '../../engine/testing/core.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { testLanguageModel } from '../testing/contract-suite.ts'
import { EngineClient } from './client.ts'
import { openModel } from './open.ts'

useTemporaryCache()

const nano = fileURLToPath(new URL('../../../assets/nano', import.meta.url))
testLanguageModel('the embedded engine', () =>
  openModel(nano, { trainable: { type: 'lora', rank: 4, alpha: 8 }, threads: 1 }),
)

const path = fileURLToPath(new URL('../../engine/golden/tiny-llama', import.meta.url))
const sampling = { maxTokens: 60, temperature: 1, stopTokens: [] }
let client: EngineClient
beforeAll(async () => {
  client = await EngineClient.open({ path, options: { threads: 1 } })
})
afterAll(() => client.close())

it('serves calls from a thread of its own while the caller’s event loop stays free', async () => {
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  const jobs = Array.from({ length: 20 }, (_, i) => ({ prompt: [1, 2, i], seeds: [1, 2, 3, 4] }))
  const out = await client.call('sample', [jobs, { ...sampling, maxTokens: 40 }, 'policy'])
  clearInterval(timer)
  expect(out.flat().every((c) => c.tokens.length === 40)).toBe(true)
  expect(ticks).toBeGreaterThan(10)
})

it('cancels a call under way, and serves the next', async () => {
  const controller = new AbortController()
  const jobs = Array.from({ length: 400 }, (_, i) => ({ prompt: [1, 2, i % 64], seeds: [1, 2, 3, 4] }))
  const long = client.call('sample', [jobs, sampling, 'policy'], {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  })
  await expect(long).rejects.toThrow(CancelledError)
  expect(await client.call('labelLogits', [[[1, 2]], [3, 4], 'base'])).toHaveLength(1)
  await expect(client.call('score', [[], 'base', {}], { signal: AbortSignal.abort() })).rejects.toThrow(CancelledError)
})

it('carries errors over with their kind', async () => {
  await expect(client.call('score', [[{ prefix: [], continuations: [[1]] }], 'base', {}])).rejects.toThrow(BumpError)
  await expect(
    client.call('sample', [[{ prompt: [1], seeds: [1] }], { ...sampling, maxTokens: 1e6 }, 'base']),
  ).rejects.toThrow(/exceed the model's context/)
  await expect(EngineClient.open({ path: '/nowhere/at/all', options: {} })).rejects.toThrow(/there is no such model/)
})

it('rejects what is under way when it is closed', async () => {
  const other = await EngineClient.open({ path, options: { threads: 1 } })
  const jobs = Array.from({ length: 400 }, () => ({ prompt: [1], seeds: [1, 2, 3, 4] }))
  const rejected = expect(other.call('sample', [jobs, sampling, 'policy'])).rejects.toThrow(CancelledError)
  await other.close()
  await rejected
})

it('does not keep a program alive that has asked all it wanted', { timeout: 60_000 }, () => {
  const program = `
    import { openModel } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)}
    const model = await openModel(${JSON.stringify(nano)}, { threads: 1 })
    const [[{ tokens }]] = await model.sample([{ prompt: [1, 2], seeds: [1] }], { maxTokens: 8, stopTokens: [] })
    console.log(tokens.length)`
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, {
    cwd: root,
    timeout: 50_000,
    encoding: 'utf8',
  })
  expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '8\n' })
})
