// kill -9 at random moments of a process that writes a shard's profiles: killed and started again and again, it leaves
// the very bytes of one that was never killed. What writes is a function of the user here, as fast as a disk.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seedFrom, uniform } from '../util/random.ts'

const KILLS = 6
const DIST = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'dist', 'generator', 'profile-shard.js')
let folder: string

beforeAll(() => {
  if (!existsSync(DIST)) throw new Error('dist/ is missing: run npm run build first')
  folder = mkdtempSync(join(tmpdir(), 'bump-shard-kill-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A pass of 1000 users, then one of another generator and other users, in some 40 calls each. */
const PROGRAM = `
import { existsSync } from 'node:fs'
import { profileShard } from ${JSON.stringify(pathToFileURL(DIST).href)}
const writer = {
  usersAtOnce: 24,
  write: async (users) => {
    await new Promise((done) => setTimeout(done, 1))
    return users.map(({ id, history }) => ({ user: id, profile: id + ' ' + history[0].text.repeat(20), tokens: { profile: 3 } }))
  },
}
const users = (step) =>
  Array.from({ length: 1000 }, (_, u) => ({ id: String(u * step).padStart(8, '0'), history: [{ text: 'likes tea' }] }))
const shard = { index: 1, of: 1 }
const out = process.argv[1]
const pass = (generator, step) =>
  profileShard(users(step), writer, { out, shard, source: { generator, logs: generator, heldOut: null } })
if (!existsSync(out + '/shard-1-of-1/manifest.json')) await pass('g1', 3)
await pass('g2', 2)
`

/** Resolves to true where the program ended by itself, to false where it was killed before. */
function life(out: string, killAfter?: number): Promise<boolean> {
  const args = ['--input-type=module', '--eval', PROGRAM, join(folder, out)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === 'SIGKILL') resolve(false)
      else if (code === 0) resolve(true)
      else reject(new Error(`exit code ${code}: ${errors}`))
    })
  })
}

/** All files below a folder with their contents. */
function files(path: string): string[] {
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, String(name)))
    .filter((name) => statSync(name).isFile())
    .sort()
    .map((name) => `${name.slice(path.length)}\n${readFileSync(name, 'utf8')}`)
}

it(`kill -9 at ${KILLS} random moments changes no byte of a shard's folder`, { timeout: 120_000 }, async () => {
  const started = performance.now()
  await life('whole')
  const whole = performance.now() - started
  const expected = files(join(folder, 'whole'))
  expect(expected).toHaveLength(2)
  const next = uniform(seedFrom('kill-shards'))
  let kills = 0
  for (let chain = 0; kills < KILLS; chain++) {
    const out = `killed-${chain}`
    while (!(await life(out, whole * (0.3 + 0.7 * next())))) kills++
    expect(files(join(folder, out))).toEqual(expected)
  }
})
