// A training run whose judge reads with a model on a server, from the first step to the summary.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { main } from '../cli/main.ts'
import { capturedOutput } from '../cli/testing/captured.ts'
import { compareProfiles } from '../evaluate/profiles/compare.ts'
import type { LanguageModel } from '../model/contract.ts'
import { openModel } from '../model/onnx/open.ts'
import { closeServers, json, serving } from '../model/openai/testing/fake-server.ts'
import { LLAMA_CPP, servedBy, VLLM } from '../model/openai/testing/judging-servers.ts'
import { type TrainOptions, train } from './train.ts'

const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
const captured = capturedOutput()
const SECRET = 'sk-not-to-be-seen'

let folder: string
let nano: LanguageModel
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-served-judge-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
  vi.stubEnv('OPENAI_API_KEY', SECRET)
  nano = await openModel(asset('nano'), { threads: 1 })
})
afterAll(async () => {
  await nano.close()
  closeServers()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const options = (name: string, more: Partial<TrainOptions>): TrainOptions => ({
  model: asset('nano'),
  logs: asset('example/log.jsonl'),
  out: join(folder, name),
  engine: { threads: 1 },
  split: { validation: 3, test: 3 },
  prompt: { historyTokens: 48 },
  rollout: { users: 3, groupSize: 2 },
  profile: { maxTokens: 10 },
  reward: { negatives: 1 },
  optim: { steps: 2, learningRate: 1e-3 },
  ...more,
})
const lines = (name: string): Record<string, number>[] =>
  readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
/** Metrics but for times. */
const timeless = (name: string) =>
  lines(name).map((line) => Object.fromEntries(Object.entries(line).filter(([key]) => !key.includes('time'))))

it('trains as with the same model here, and goes on where a server failed, asking nothing twice', async () => {
  const honest = servedBy(nano, VLLM)
  let most = Number.POSITIVE_INFINITY
  const { baseUrl, requests } = await serving((received, response, number) =>
    number > most ? json(response, { error: 'gone' }, 503) : honest(received, response, number),
  )
  const judgeServer = { baseUrl, maxRetries: 0 }
  const judge = { scorer: 'likelihood', server: 'nano' } as const
  await train(options('here', {}))
  const whole = await train(options('there', { judge, judgeServer }))
  expect(whole.summary.users).toBe(3)
  const here = timeless('here')
  // A server counts the tokens of each text by itself.
  for (const [i, { 'judge/tokens': _, ...line }] of timeless('there').entries())
    for (const [key, value] of Object.entries(line)) expect(value).toBeCloseTo(here[i][key], 3)

  const asked = requests.length
  most = asked + Math.floor(asked / 2)
  await expect(train(options('stopped', { judge, judgeServer }))).rejects.toMatchObject({ code: 'server-failed' })
  const before = requests.length
  most = Number.POSITIVE_INFINITY
  await train(options('stopped', { judge, judgeServer, resume: true }))
  expect(timeless('stopped')).toEqual(timeless('there'))
  const texts = requests.slice(asked).map(({ body }) => String(body.prompt))
  const pairs = texts.filter((text) => !text.endsWith(':') && !text.endsWith('likes gardening'))
  // What was under way when the server failed is asked again, and nothing else.
  expect(pairs.length - new Set(pairs).size).toBeLessThanOrEqual(8)
  expect(before).toBeLessThan(requests.length)
  for (const file of ['config.json', 'judge-answers.jsonl', 'summary.json']) {
    const content = readFileSync(join(folder, 'stopped', file), 'utf8')
    expect(content).not.toContain('127.0.0.1')
    expect(content).not.toContain(SECRET)
  }

  await expect(compareProfiles({ runs: [join(folder, 'there')], out: join(folder, 'compared') })).rejects.toThrow(
    /reads with nano on a server, and no file says where/,
  )
  const { tables } = await compareProfiles({
    runs: [join(folder, 'there')],
    out: join(folder, 'compared'),
    judgeServer,
    kinds: ['history', 'run'],
    poolSizes: [1],
  })
  expect(JSON.stringify(tables)).toContain('the same that')
  expect(existsSync(join(folder, 'compared', 'judge-answers.jsonl'))).toBe(true)
}, 120_000)

it('sends nothing to a server that only a file names', async () => {
  await expect(train(options('x', { judge: { scorer: 'pointwise', server: 'nano' } }))).rejects.toMatchObject({
    code: 'invalid-options',
    message: expect.stringContaining('give its address by judgeServer, no file names it'),
  })
  await expect(train(options('x', { judgeServer: { baseUrl: 'http://127.0.0.1:9/v1' } }))).rejects.toThrow(
    /judgeServer does nothing here/,
  )
  expect(existsSync(join(folder, 'x'))).toBe(false)
})

it('is checked before: what the server can do, and why not the rest', async () => {
  const { baseUrl } = await serving(servedBy(nano, LLAMA_CPP))
  const where = ['--judge-server', baseUrl, '--judge-server-model', 'nano', '--logs', asset('example/log.jsonl')]
  captured.start()
  expect(await main(['judge', 'check', ...where, '--users', '4', '-k', '2', '--history-tokens', '24'])).toBe(0)
  expect(captured.stdout).toMatch(/^listwise \(permutation, 2 orders\) \(/m)
  expect(captured.stdout).toMatch(/likelihood could not be used: .*no log probabilities of a text \(echo is ignored/)
  expect(captured.stdout).toMatch(/nano at http:\S+: \d+ answers, [\d,]+ tokens read/)
  expect(captured.stderr).toContain('orders by grammar')
  expect(captured.stdout + captured.stderr).not.toContain(SECRET)
}, 60_000)
