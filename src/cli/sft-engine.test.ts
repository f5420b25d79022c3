// `bump sft --engine tinker`: the steps of a server are those of this machine, also where it failed in between, and the
// adapter comes home.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { closeEngines } from '../model/tinker/testing/fake-engines.ts'
import { type FakeServer, fakeServer, SERVED } from '../model/tinker/testing/fake-server.ts'
import { main } from './main.ts'
import { openTextModel } from './shared/text-model.ts'
import { capturedOutput } from './testing/captured.ts'
import { writeHeadlines } from './testing/headlines.ts'

const captured = capturedOutput()
const folder = mkdtempSync(join(tmpdir(), 'bump-sft-engine-'))
const at = (...parts: string[]) => join(folder, ...parts)
let server: FakeServer
let merging: FakeServer
/** Optimiser's steps that the server still makes. */
let steps = Number.POSITIVE_INFINITY

beforeAll(async () => {
  vi.stubEnv('BUMP_CACHE', at('cache'))
  vi.stubEnv('TINKER_BASE_URL', '')
  writeTinyFolder(at('tiny'))
  writeHeadlines(at('data'), 6)
  const served = { model: at('tiny'), wire: 'protobuf', reduction: 'mean' } as const
  const fault = (path: string) =>
    path === 'optim_step' && --steps < 0 ? ({ status: 400, detail: 'out of memory' } as const) : undefined
  server = await fakeServer({ ...served, fault })
  merging = await fakeServer({ ...served, merged: true })
})
afterAll(async () => {
  await server.close()
  await merging.close()
  await closeEngines()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const SETTINGS = [
  ...['lora.rank=4', 'optim.steps=4', 'optim.learningRate=5e-3', 'batch.examples=4', 'batch.tokens=200'],
  ...['validation.users=2', 'validation.every=2', 'checkpoint.every=1'],
]

function sft(name: string, ...flags: string[]): Promise<number> {
  const task = ['--task', '4', '--data', at('data'), '--backbone', at('tiny'), '--threads', '1']
  const settings = SETTINGS.flatMap((setting) => ['--set', setting])
  return main(['sft', ...task, '--runs', folder, '--name', name, ...settings, ...flags])
}

const onServer = ({ address }: FakeServer = server) => [
  ...['--engine', 'tinker', '--server', address, '--set', `engine.model=${SERVED}`],
]
const json = (...parts: string[]) => JSON.parse(readFileSync(at(...parts), 'utf8'))
/** Metrics of a run without its times. */
const metrics = (name: string) =>
  readFileSync(at(name, 'metrics.jsonl'), 'utf8').replace(/,"(step_time|time\/\w+)":[\d.e-]+/g, '')
const losses = (name: string): number[] =>
  metrics(name)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ loss, eval_loss }) => loss ?? eval_loss)

it('makes the steps of this machine, and brings the adapter home', async () => {
  expect(await sft('there', '--condition', 'none', ...onServer()), captured.stderr).toBe(0)
  expect(server.violations).toEqual([])
  const { config, model } = json('there', 'config.json')
  expect(config).toMatchObject({ engine: { type: 'tinker', model: SERVED }, optim: { maxGradNorm: 0 } })
  expect(JSON.stringify(config)).not.toContain('127.0.0.1')
  expect(model.server).toMatchObject({ engine: 'tinker', reduction: 'mean' })
  const { first, best } = json('there', 'summary.json').validationLoss
  expect(best).toBeLessThan(first)

  expect(await sft('here', '--condition', 'none', '--set', 'optim.maxGradNorm=0'), captured.stderr).toBe(0)
  const here = losses('here')
  expect(here).toHaveLength(7)
  for (const [i, loss] of losses('there').entries()) expect(Math.abs(loss - here[i])).toBeLessThan(1e-5)

  const adapted = await openTextModel({ backbone: at('tiny'), adapter: at('there'), threads: 1 }, () => {})
  expect(adapted.model.identity).not.toBe(json('here', 'config.json').model.digest)
  await adapted.close()
})

it('goes on where the server failed, with the numbers of a run without a failure', async () => {
  // Those of the run before were four, and what the opening tries out.
  const tried = server.paths.filter((path) => path === 'optim_step').length - 4
  steps = tried + 2
  const flags = ['--condition', 'none', ...onServer()]
  expect(await sft('failed', ...flags)).toBe(1)
  expect(captured.stderr).toMatch(/answers 400 to optim_step.*out of memory/)
  expect(losses('failed').length).toBeLessThan(7)
  steps = Number.POSITIVE_INFINITY
  expect(await sft('failed', '--resume', '--server', server.address), captured.stderr).toBe(0)
  expect(captured.stderr).toContain('resumed after step 2')
  expect(metrics('failed')).toBe(metrics('there'))
})

it('lets the base on the server write zero-shot profiles', async () => {
  const few = ['--examples', '4', '--set', 'optim.steps=1', '--set', 'validation.users=1']
  expect(await sft('zero', '--condition', 'zero-shot', ...few, ...onServer()), captured.stderr).toBe(0)
  expect(captured.stderr).toMatch(/zero-shot profiles: 2\/2/)
  expect(json('zero', 'summary.json')).toMatchObject({ condition: 'zero-shot', steps: 1 })
})

it('refuses by name what such a server cannot do, before anything is asked', async () => {
  const heard = server.paths.length
  const refused = async (message: RegExp, ...flags: string[]) => {
    expect(await sft('refused', '--condition', 'none', ...flags)).toBe(2)
    expect(captured.stderr).toMatch(message)
  }
  await refused(/optim.maxGradNorm.*not clipped/, ...onServer(), '--set', 'optim.maxGradNorm=1')
  await refused(/lora.targets.*all linear layers/, ...onServer(), '--set', 'lora.targets=[q]')
  await refused(/lora.rsLora.*alpha\/rank/, ...onServer(), '--set', 'lora.rsLora=true')
  await refused(/engine.server does nothing here/, '--server', server.address)
  await refused(/needs the address of a server/, '--engine', 'tinker')
  expect(server.paths.length).toBe(heard)
  await refused(/adapter's alpha is 8.*lora.alpha of bump sft/, ...onServer(), '--set', 'lora.alpha=8')
  expect(await sft('kept', '--condition', 'none', ...onServer(merging))).toBe(1)
  expect(captured.stderr).toMatch(/sends no adapter: it merges/)
  expect(existsSync(at('kept', 'metrics.jsonl'))).toBe(false)
})
