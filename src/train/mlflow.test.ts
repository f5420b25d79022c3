// A run followed in MLflow: what is sent, that every value is sent once however run and server are interrupted, and that
// training never waits for the server.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { main } from '../cli/main.ts'
import { capturedOutput } from '../cli/testing/captured.ts'
import type { RunHeader } from '../run/format.ts'
import { WAITS } from '../run/mlflow/server.ts'
import { FakeMlflow, type FakeRun } from '../run/mlflow/testing/fake-mlflow.ts'
import { reachMlflow, TrackedRun } from '../run/mlflow/tracked-run.ts'
import { CancelledError } from '../util/errors.ts'
import { trainConfigSchema } from './config.ts'
import { type ToyRun, toyRun } from './testing/toy-run.ts'

const captured = capturedOutput()
const waits = { ...WAITS, end: [...WAITS.end] }
let folder: string
let server: FakeMlflow
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-mlflow-'))
  server = await new FakeMlflow().start()
  Object.assign(WAITS, { first: 1, longest: 1, end: [0, 1] })
})
afterEach(() => {
  server.stop()
  Object.assign(WAITS, waits)
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const config = trainConfigSchema.parse({
  name: 'toy',
  logs: { paths: ['toy.jsonl'], with: { 'my items': 'https://me:secret@host/items.csv' } },
  model: 'toy',
  rollout: { users: 4, groupSize: 4 },
  profile: { maxTokens: 6 },
  optim: { steps: 6, learningRate: 0.3 },
  reward: { positives: 2, negatives: 4 },
  validation: { every: 3 },
  checkpoint: { every: 3 },
})

/** A run, and what it told. */
async function run(changes: Partial<ToyRun> = {}): Promise<string[]> {
  const notes: string[] = []
  await toyRun({
    config,
    out: join(folder, 'toy'),
    mlflow: { uri: server.uri },
    ...changes,
    onEvent: (event) => {
      if (event.type === 'note') notes.push(event.text)
      changes.onEvent?.(event)
    },
  })
  return notes
}

/** What metrics.jsonl and summary.json of the run hold, as [name, step, value]. */
function written(): [string, number, number][] {
  const lines = readFileSync(join(folder, 'toy', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines.flatMap((line) => {
    const { step, ...metrics } = JSON.parse(line)
    return Object.entries(metrics).flatMap(([key, value]): [string, number, number][] =>
      value === null ? [] : [[key, step, value as number]],
    )
  })
}

/** The same of what the server got, without the summary. */
const received = ({ metrics }: FakeRun) =>
  metrics.filter(({ key }) => !key.startsWith('summary/')).map(({ key, step, value }) => [key, step, value])

const timeless = (values: unknown[][]) =>
  values
    .filter(([key]) => !/time/.test(key as string))
    .map(String)
    .sort()

describe('a followed run', () => {
  it('has settings, every value of metrics.jsonl, the summary and its status; and no text', async () => {
    vi.stubEnv('MLFLOW_TRACKING_USERNAME', 'ann')
    vi.stubEnv('MLFLOW_TRACKING_PASSWORD', 'pa:ss')
    const notes = await run({ mlflow: { uri: server.uri, experiment: 'profiles', name: 'first' } })
    const [tracked] = server.runs
    expect(tracked).toMatchObject({ name: 'first', status: 'FINISHED', ended: expect.any(Number) })
    expect(server.experiments).toEqual(['profiles'])
    expect(tracked.params).toMatchObject({
      'optim.learningRate': '0.3',
      'logs.paths': '["toy.jsonl"]',
      'logs.with.my_items': 'https://host/items.csv',
    })
    expect(tracked.tags).toMatchObject({ 'bump.version': expect.any(String), 'bump.data.digest': expect.any(String) })
    expect(received(tracked)).toEqual(written())
    const { difference } = JSON.parse(readFileSync(join(folder, 'toy', 'summary.json'), 'utf8'))
    expect(tracked.metrics).toContainEqual(
      expect.objectContaining({ key: 'summary/difference/both/mean', step: 6, value: difference.both.mean }),
    )
    const rollouts = readFileSync(join(folder, 'toy', 'rollouts.jsonl'), 'utf8')
      .trim()
      .split('\n')
    const texts = rollouts.map((line): string => JSON.parse(line).profile).filter((text) => text.length > 9)
    expect(texts.length).toBeGreaterThan(10)
    expect(texts.filter((text) => server.sent.includes(text))).toEqual([])
    expect(server.asked[0].authorization).toBe(`Basic ${Buffer.from('ann:pa:ss').toString('base64')}`)
    for (const file of ['mlflow.json', 'config.json'])
      expect(readFileSync(join(folder, 'toy', file), 'utf8')).not.toMatch(/pa:ss|secret/)
    expect(notes).toEqual([])
  })

  it('goes on as the same run of MLflow, and sends each value once', async () => {
    const abort = new AbortController()
    const cancelled = run({
      signal: abort.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.step === 4) abort.abort()
      },
    })
    await expect(cancelled).rejects.toThrow(CancelledError)
    expect(server.runs.map(({ status }) => status)).toEqual(['KILLED'])
    await run({ resume: true })
    await run({ resume: true })
    expect(server.runs.map(({ status }) => status)).toEqual(['FINISHED'])
    expect(timeless(received(server.runs[0]))).toEqual(timeless(written()))
    const keys = server.runs[0].metrics.map(({ key, step }) => `${key} ${step}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('says so where it is resumed without the server', async () => {
    await run()
    expect(await run({ resume: true, mlflow: undefined })).toContainEqual(expect.stringContaining('was followed'))
  })

  it.each(['refused connections', 'errors', 'silence', 'answers that are lost'])(
    'outlives %s in mid-run',
    async (what) => {
      let down = false
      server.hook = (path, response) => {
        // The request is done, but its answer never comes: sent again, it would count twice.
        if (what === 'answers that are lost' && path === 'runs/log-batch' && down)
          response.end = () => response.destroy()
        if (!down || !['errors', 'silence'].includes(what)) return undefined
        if (what === 'errors') response.writeHead(503).end('<html>')
        return true
      }
      const notes = await run({
        onEvent: (event) => {
          // Before any request that the server will not answer.
          if (event.type === 'validation' && what === 'silence') WAITS.request = 100
          if (event.type === 'step' && event.step === 2) {
            down = true
            if (what === 'refused connections') server.stop()
          }
        },
      })
      const [tracked] = server.runs
      const arrives = what === 'answers that are lost'
      expect(tracked.status).toBe(arrives ? 'FINISHED' : 'RUNNING')
      expect(notes[0]).toContain('Training goes on, and metrics wait')
      expect(notes.at(-1)!.includes('The end of this run was not sent')).toBe(!arrives)
      down = false
      WAITS.request = waits.request
      if (what === 'refused connections') await server.start()
      await run({ resume: true })
      expect(tracked.status).toBe('FINISHED')
      expect(received(tracked).map(String).sort()).toEqual(written().map(String).sort())
    },
  )

  it('says how it failed', async () => {
    const broken = run({
      onEvent: (event) => {
        if (event.type === 'step') throw new Error('boom')
      },
    })
    await expect(broken).rejects.toThrow('boom')
    expect(server.runs[0].status).toBe('FAILED')
  })
})

describe('a backlog', () => {
  it('goes in requests of the size that MLflow takes, under names that it takes', async () => {
    const many = Object.fromEntries(Array.from({ length: 2100 }, (_, i) => [`${'n'.repeat(240)}${i}`, i]))
    const odd = { 'rewards/../mein Übel//mean': 1 }
    writeFileSync(join(folder, 'metrics.jsonl'), `${JSON.stringify({ step: 1, ...many, ...odd })}\n`)
    const long = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`o${i}`, 'x'.repeat(9000)]))
    const header: RunHeader = { config: long, package: { name: 'b', version: '1' }, model: {}, data: {} }
    const tracked = await TrackedRun.open(folder, header, { uri: server.uri }, () => {})
    await tracked.end('FAILED')
    expect(server.runs[0].metrics).toHaveLength(2101)
    expect(server.runs[0].metrics.at(-1)!.key).toBe('rewards/mein _bel/mean')
    expect(Object.keys(server.runs[0].params)).toHaveLength(150)
    expect(server.runs[0].params.o0).toHaveLength(6000)
  })
})

describe('before training', () => {
  it.each<[string, string, RegExp]>([
    ['a folder', './mlruns', /address is that of a tracking server/],
    ['a password', 'http://me:secret@127.0.0.1:1', /^(?!.*secret).*holds a user name, password/],
    ['nobody there', 'http://127.0.0.1:1', /127\.0\.0\.1:1 cannot be reached/],
  ])('%s is refused', async (_, uri, message) => {
    await expect(reachMlflow({ uri }, folder)).rejects.toThrow(message)
  })

  it.each<[string, FakeMlflow['hook'], RegExp]>([
    ['a redirect', (_, response) => !!response.writeHead(302, { location: 'http://other' }).end(), /redirects/],
    [
      'no access',
      (_, response) => !!response.writeHead(401).end('no'),
      /refuses access \(401\).*MLFLOW_TRACKING_TOKEN/,
    ],
    ['another service', (_, response) => !!response.end('<html>'), /answers 200 with something that is not MLflow's/],
    ['another form', (_, response) => !!response.end('{"experiment":[]}'), /another form than MLflow's/],
    ['an endless answer', (_, response) => !!response.end('x'.repeat(17 * 2 ** 20)), /something that is not MLflow's/],
  ])('%s is told', async (_, hook, message) => {
    server.hook = hook
    await expect(reachMlflow({ uri: server.uri }, folder)).rejects.toThrow(message)
  })

  it('bump train says so, and trains nothing', async () => {
    const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
    const args = ['train', '--logs', asset('example/log.jsonl'), '--model', asset('nano'), '--runs', folder]
    captured.start()
    expect(await main([...args, '--mlflow', 'http://127.0.0.1:1'])).toBe(1)
    expect(captured.stderr).toContain('MLflow at http://127.0.0.1:1 cannot be reached')
    expect(await main([...args, '--mlflow-name', 'first'])).toBe(2)
    expect(captured.stderr).toContain('belong to --mlflow')
    expect(readdirSync(folder)).toEqual([])
  })

  it('a token is sent as MLflow sends it; options are checked', async () => {
    vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'tok')
    await reachMlflow({ uri: server.uri }, folder)
    expect(server.asked[0].authorization).toBe('Bearer tok')
    await expect(reachMlflow({ uri: server.uri, run: 'x' } as never, folder)).rejects.toThrow('unknown run')
    expect(existsSync(join(folder, 'mlflow.json'))).toBe(false)
  })

  it('a run that another server has is refused, and one whose server is away goes on', async () => {
    const other = await new FakeMlflow().start()
    await run()
    await expect(reachMlflow({ uri: other.uri }, join(folder, 'toy'))).rejects.toThrow(
      /has no run r0.*give the address/,
    )
    other.stop()
    await reachMlflow({ uri: other.uri }, join(folder, 'toy'))
  })
})
