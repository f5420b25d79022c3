// kill -9 at random moments: a run of the command line, killed and resumed again and again, writes the very bytes of
// one that was never killed.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { seedFrom, uniform } from '../util/random.ts'

const KILLS = 20
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
let folder: string

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('dist/ is missing: run npm run build first')
  folder = mkdtempSync(join(tmpdir(), 'bump-kill-'))
  writeTinyFolder(join(folder, 'tiny'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SETTINGS = [
  ...['trainable.type=full', 'optim.steps=5', 'optim.numUpdates=2', 'optim.klCoef=0.01', 'optim.learningRate=1e-3'],
  ...['rollout.users=3', 'rollout.groupSize=3', 'profile.maxTokens=8', 'prompt.historyTokens=64'],
  ...['split.validation=4', 'split.test=4', 'validation.every=2', 'checkpoint.every=1', 'reward.negatives=2'],
]

/** Runs `bump train --resume`; resolves to true where it ended by itself, to false where it was killed before. */
function life(name: string, killAfter?: number): Promise<boolean> {
  const args = ['train', '--logs', join(ROOT, 'assets', 'example', 'log.jsonl'), '--model', join(folder, 'tiny')]
  const flags = [
    '--name',
    name,
    '--runs',
    folder,
    '--threads',
    '1',
    '--resume',
    ...SETTINGS.flatMap((setting) => ['--set', setting]),
  ]
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'bump.mjs'), ...args, ...flags], {
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

/** A file of a run; metrics without their time fields. */
function read(name: string, file: string): string {
  return readFileSync(join(folder, name, file), 'utf8').replace(/,"(step_time|time\/\w+)":[\d.e-]+/g, '')
}

describe('kill -9', () => {
  it(`at ${KILLS} random moments changes no byte of metrics, rollouts and profiles`, { timeout: 580_000 }, async () => {
    const started = performance.now()
    await life('whole')
    const whole = performance.now() - started
    const next = uniform(seedFrom('kill'))
    const afterSteps = new Set<number>()
    let kills = 0
    for (let chain = 0; kills < KILLS; chain++) {
      const name = `killed-${chain}`
      // The first life of a chain may be killed anywhere after the start, the later ones have less of it left.
      while (!(await life(name, kills < KILLS ? whole * (0.3 + 0.7 * next()) : undefined))) {
        kills++
        const log = join(folder, name, 'metrics.jsonl')
        afterSteps.add(existsSync(log) ? readFileSync(log, 'utf8').split('\n').length : 0)
      }
      for (const file of ['metrics.jsonl', 'rollouts.jsonl', 'profiles.jsonl'])
        expect(read(name, file), `${name}/${file}`).toBe(read('whole', file))
    }
    // The kills struck different parts of the run, not only its start.
    expect(afterSteps.size).toBeGreaterThan(2)
  })
})
