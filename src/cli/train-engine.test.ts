// `bump train --engine tinker`: what is refused before anything is trained, and in which words.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const folder = mkdtempSync(join(tmpdir(), 'bump-engine-'))
const KEY = 'tml-not-to-be-shown'
let server: Server
let address: string
const asked: (string | undefined)[] = []

beforeAll(async () => {
  writeTinyFolder(join(folder, 'model'))
  const users = Array.from({ length: 40 }, (_, u) => `u${u}`)
  const interactions = users.flatMap((user) => [1, 2, 3, 4, 5].map((n) => ({ user, text: `${user} wrote ${n}` })))
  writeFileSync(join(folder, 'log.jsonl'), interactions.map((each) => `${JSON.stringify(each)}\n`).join(''))
  server = createServer((request, response) => {
    asked.push(request.url)
    const key = request.headers['x-api-key']
    response.statusCode = key === 'right' ? 200 : 401
    const models = { supported_models: [{ model_name: 'acme/other' }] }
    response.end(JSON.stringify(key === 'right' ? models : { detail: `no such key: ${key}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => vi.unstubAllEnvs())
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const refused = async (...flags: string[]): Promise<string> => {
  vi.stubEnv('TINKER_BASE_URL', '')
  const run = ['train', '--logs', join(folder, 'log.jsonl'), '--model', join(folder, 'model'), '--runs', folder]
  expect(await main([...run, '--name', 'refused', ...flags])).not.toBe(0)
  return captured.stderr
}

it('says what is missing, and what would do nothing', async () => {
  expect(await refused('--engine', 'tinker')).toMatch(/needs the address of a server.*set TINKER_BASE_URL/)
  expect(await refused('--server', address)).toMatch(/engine.server does nothing here.*Set engine.type to tinker/)
  expect(await refused('--engine', 'other')).toMatch(/Allowed choices are tinker/)
})

it('refuses by name what such a server cannot do, and asks it nothing', async () => {
  const on = ['--engine', 'tinker', '--server', address]
  expect(await refused(...on, '--set', 'rollout.temperature=0.7')).toMatch(/rollout.temperature.*sampled at 1/)
  expect(await refused(...on, '--set', 'trainable.type=full')).toMatch(/trainable.type.*only adapters/)
  expect(await refused(...on, '--set', 'optim.maxGradNorm=1')).toMatch(/optim.maxGradNorm.*not clipped/)
  expect(asked).toEqual([])
})

it('says that the key is wrong without showing it, and which models the server has', async () => {
  const on = ['--engine', 'tinker', '--server', address]
  vi.stubEnv('TINKER_API_KEY', KEY)
  const said = await refused(...on)
  expect(said).toMatch(/answers 401 .*set TINKER_API_KEY/)
  expect(said).not.toContain(KEY)
  vi.stubEnv('TINKER_API_KEY', 'right')
  expect(await refused(...on)).toMatch(/serves "acme\/other", not .*name it in engine.model/)
})
