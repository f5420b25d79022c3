// kill -9 at random moments of `bump sft`: a run that is killed and resumed again and again writes the very bytes of
// one that was never killed, its adapter included.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { seedFrom, uniform } from '../util/random.ts'
import { writeHeadlines } from './testing/headlines.ts'

const KILLS = 4
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
let folder: string

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('dist/ is missing: run npm run build first')
  folder = mkdtempSync(join(tmpdir(), 'bump-sft-kill-'))
  writeHeadlines(join(folder, 'data'), 12)
  writeTinyFolder(join(folder, 'tiny'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SETTINGS = [
  ...['optim.steps=12', 'optim.learningRate=2e-3', 'batch.examples=3', 'batch.tokens=400'],
  ...['validation.users=3', 'validation.every=3', 'checkpoint.every=2'],
]

/** Runs `bump sft --resume`; resolves to true where it ended by itself, to false where it was killed before. */
function life(name: string, killAfter?: number): Promise<boolean> {
  const where = ['--data', join(folder, 'data'), '--backbone', join(folder, 'tiny'), '--runs', folder]
  const flags = ['--task', '4', '--condition', 'recent', '--name', name, '--threads', '1', '--resume']
  const settings = SETTINGS.flatMap((setting) => ['--set', setting])
  const args = [join(ROOT, 'bin', 'bump.mjs'), 'sft', ...where, ...flags, ...settings]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, BUMP_CACHE: join(folder, 'cache') },
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === 'SIGKILL') resolve(false)
      else if (code === 0) resolve(true)
      else reject(new Error(`exit code ${code}: ${errors}`))
    })
  })
}

/** metrics.jsonl without its time fields. */
function metrics(name: string): string {
  return readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8').replace(/,"(step_time|time\/\w+)":[\d.e-]+/g, '')
}

function adapter(name: string): string {
  return readFileSync(join(folder, name, 'adapter', 'adapter_model.safetensors')).toString('base64')
}

describe('kill -9', () => {
  it(`at ${KILLS} random moments changes no byte of metrics and adapter`, { timeout: 300_000 }, async () => {
    const started = performance.now()
    await life('whole')
    const whole = performance.now() - started
    const next = uniform(seedFrom('kill-sft'))
    let kills = 0
    for (let chain = 0; kills < KILLS; chain++) {
      const name = `killed-${chain}`
      // The first life of a chain may be killed anywhere after the start, the later ones have less of it left.
      while (!(await life(name, kills < KILLS ? whole * (0.3 + 0.7 * next()) : undefined))) kills++
      expect(metrics(name)).toBe(metrics('whole'))
      expect(adapter(name)).toBe(adapter('whole'))
    }
  })
})
