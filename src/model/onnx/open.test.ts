import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { useTemporaryCache } from '../../engine/testing/core.ts'
import { writeTinyFolder } from '../../engine/weights/testing/tiny-folder.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { testLanguageModel } from '../testing/contract-suite.ts'
import { startEngine } from './client.ts'
import { openModel } from './open.ts'

useTemporaryCache()

const nano = fileURLToPath(new URL('../../../assets/nano', import.meta.url))
testLanguageModel('the embedded engine', () =>
  openModel(nano, { trainable: { type: 'lora', rank: 4, alpha: 8 }, threads: 1 }),
)

const path = fileURLToPath(new URL('../../engine/golden/tiny-llama', import.meta.url))
const sampling = { maxTokens: 60, temperature: 1, stopTokens: [] }
let client: Awaited<ReturnType<typeof startEngine>>
beforeAll(async () => {
  client = await startEngine({ path, options: { threads: 1 } })
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
  await expect(startEngine({ path: '/nowhere/at/all', options: {} })).rejects.toThrow(/there is no such model/)
})

it('rejects what is under way when it is closed', async () => {
  const other = await startEngine({ path, options: { threads: 1 } })
  const jobs = Array.from({ length: 400 }, () => ({ prompt: [1], seeds: [1, 2, 3, 4] }))
  const rejected = expect(other.call('sample', [jobs, sampling, 'policy'])).rejects.toThrow(CancelledError)
  await other.close()
  await rejected
})

it('refuses an unsupported model before it reads the vocabulary', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-mamba-'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'mamba' }))
  writeFileSync(join(folder, 'tokenizer.json'), '{')
  await expect(openModel(folder)).rejects.toThrow(/the architecture "mamba" is not supported/)
})

it("names the hub's model in its adapters, not the place in the cache", async () => {
  const source = mkdtempSync(join(tmpdir(), 'bump-hub-model-'))
  writeTinyFolder(source)
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
  const server = createServer(({ url = '' }, response) => {
    const file = join(source, url.split('/').at(-1) ?? '')
    const siblings = names.map((rfilename) => ({ rfilename, size: readFileSync(join(source, rfilename)).length }))
    if (url.startsWith('/api/')) response.end(JSON.stringify({ sha: '0123456789abcdef', siblings }))
    else if (existsSync(file)) response.end(readFileSync(file))
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  vi.stubEnv('HF_HUB_OFFLINE', '')
  try {
    const bases: unknown[] = []
    for (const where of ['acme/tiny', 'acme/tiny@v1.0', source]) {
      const opened = await openModel(where, { trainable: { type: 'lora', rank: 2, alpha: 4 }, threads: 1 })
      const saved = mkdtempSync(join(tmpdir(), 'bump-adapter-'))
      await opened.savePolicy(saved)
      await opened.close()
      const json = JSON.parse(readFileSync(join(saved, 'adapter_config.json'), 'utf8'))
      bases.push([json.base_model_name_or_path, json.revision])
    }
    expect(bases).toEqual([
      ['acme/tiny', null],
      ['acme/tiny', 'v1.0'],
      [source, null],
    ])
  } finally {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
  }
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
