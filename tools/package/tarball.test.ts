// The package as a user gets it: installed from its tarball into an empty project, where the demo and every file of
// examples/ run. The examples are compiled there first, strictly, against the package's own types.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeTinyFolder } from '../../src/engine/weights/testing/tiny-folder.ts'
import { CLONE, linkTarball, packTarball, program, type Tarball, writeManifest } from './tarball.ts'

const MINUTES = 60_000
const EXAMPLES = join(CLONE, 'examples')
const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ts'))

const folder = mkdtempSync(join(tmpdir(), 'bump-tarball-'))
const project = join(folder, 'project')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What an example is given for a word in <angle brackets> of its usage line; the run is the demo's. */
const given: Record<string, string> = {
  logs: join(folder, 'log.jsonl'),
  // Of a few hundred weights: the demo runs the bundled model.
  model: join(folder, 'tiny'),
  run: join('runs', 'demo'),
  profiles: join(folder, 'theirs.jsonl'),
  steps: '1',
  user: 'person-001',
}

/** An OpenAI-compatible server whose answer is the last message. */
const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const { messages } = JSON.parse(Buffer.concat(parts).toString())
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ choices: [{ message: messages.at(-1), finish_reason: 'stop' }] }))
  })
})
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  given.server = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
afterAll(() => void server.close())

// 32 people of the example log, the ends of six texts of each, and what another product might say of them: the first three.
beforeAll(() => {
  writeTinyFolder(given.model)
  const histories = new Map<string, string[]>()
  const lines: string[] = []
  for (const line of readFileSync(join(CLONE, 'assets', 'example', 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')) {
    const { user, time, text: whole } = JSON.parse(line) as Record<'user' | 'time' | 'text', string>
    const history = histories.get(user) ?? []
    if (user >= 'person-032' || history.length === 6) continue
    const text = whole.slice(-12)
    histories.set(user, [...history, text])
    lines.push(JSON.stringify({ user, time, text }))
  }
  writeFileSync(given.logs, `${lines.join('\n')}\n`)
  const profiles = [...histories].map(([user, texts]) => JSON.stringify({ user, profile: texts.slice(0, 3).join(' ') }))
  writeFileSync(given.profiles, `${profiles.join('\n')}\n`)
})

beforeAll(async () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(CLONE, 'package.json'), 'utf8'))
  const others = {
    hono: dependencies.hono,
    openai: devDependencies.openai,
    '@types/node': devDependencies['@types/node'],
  }
  const how = await installTarball(project, await packTarball(folder), others)
  if (how === 'linked')
    console.warn(
      'NOTE: the npm registry is out of reach, so the tarball was laid beside the packages of this clone, not installed by npm.',
    )
}, 10 * MINUTES)

/** The server of the package: what `<bump>` stands for. */
let bump: ChildProcess | undefined
beforeAll(async () => {
  const db = ['--db', join(folder, 'bump.sqlite'), '--no-auth', '--port', '0', '--upstream', given.server]
  const command = [join(project, 'node_modules', 'bump-profiles', 'bin', 'bump.mjs'), 'serve', ...db]
  bump = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'ignore'] })
  given.bump = String((await once(bump.stdout!, 'data'))[0]).trim()
})
afterAll(async () => {
  if (bump === undefined) return
  const ended = once(bump, 'exit')
  bump.kill()
  await ended
})

describe('the tarball in an empty project', () => {
  it('runs npx bump demo', { timeout: 10 * MINUTES }, async () => {
    const demo = ['--no-install', 'bump', 'demo', '--steps', '1', '--threads', '1']
    const { code, stdout, stderr } = await program('npx', demo, project)
    expect(stderr).toContain('step 1/1')
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('profile after:')
    expect(existsSync(join(project, 'runs', 'demo', 'summary.json'))).toBe(true)
  })

  it('compiles the examples and the ten lines of the README, strictly', { timeout: 5 * MINUTES }, async () => {
    for (const file of [...examples, 'tsconfig.json']) copyFileSync(join(EXAMPLES, file), join(project, file))
    const [, tenLines] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(CLONE, 'README.md'), 'utf8'))!
    expect(
      tenLines
        .trim()
        .split('\n')
        .filter((line) => line !== ''),
    ).toHaveLength(8)
    writeFileSync(join(project, 'ten-lines.ts'), tenLines)
    const compiler = join(CLONE, 'node_modules', 'typescript', 'bin', 'tsc')
    const { code, stdout } = await program(process.execPath, [compiler, '--noEmit', 'false', '--skipLibCheck'], project)
    expect(code, stdout).toBe(0)
  })

  it('runs the ten lines as they are written', { timeout: 10 * MINUTES }, async () => {
    await writeReviews(join(project, 'reviews.parquet'))
    // What the lines call by its hub name: another lies in its place.
    cpSync(given.model, join(project, 'HuggingFaceTB', 'SmolLM2-135M-Instruct'), { recursive: true })
    const { code, stdout, stderr } = await program(process.execPath, ['ten-lines.js'], project)
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/forward: \{\s+mean: -?\d/)
    const summary = JSON.parse(readFileSync(join(project, 'runs', 'reviews', 'summary.json'), 'utf8'))
    expect(summary).toMatchObject({ steps: 36, seed: 1, model: { name: 'HuggingFaceTB/SmolLM2-135M-Instruct' } })
  })

  it.each(examples)('runs examples/%s', { timeout: 5 * MINUTES }, async (file) => {
    const script = `${basename(file, '.ts')}.js`
    const source = readFileSync(join(EXAMPLES, file), 'utf8')
    expect(source.split('\n').length, 'lines of the example').toBeLessThan(61)
    const { code, stdout, stderr } = await program(process.execPath, [script, ...argumentsOf(source, script)], project)
    expect(code, stdout + stderr).toBe(0)
    expect(stdout.trim()).not.toBe('')
  })
})

/** The log as a Parquet file with the columns of the ten lines. */
async function writeReviews(path: string): Promise<void> {
  const connection = await DuckDBConnection.create()
  await connection.run(`
    COPY (
      SELECT "user" AS user_id, "time" AS ts, split_part("text", ' ', 1) AS title, "text" AS body
      FROM read_json('${given.logs}', format = 'newline_delimited')
    ) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
}

/**
 * Lays the tarball and further packages (name -> range) into an empty project by `npm install`. Where the registry is
 * out of reach it is laid out by hand (`linkTarball`); says which. Throws where npm fails for another reason.
 */
async function installTarball(
  project: string,
  tarball: Tarball,
  others: Readonly<Record<string, string>>,
): Promise<'installed' | 'linked'> {
  writeManifest(project)
  const packages = [tarball.path, ...Object.entries(others).map(([name, range]) => `${name}@${range}`)]
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=0', ...packages]
  const { code, stderr } = await program('npm', args, project)
  if (code === 0) return 'installed'
  if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|TIMEDOUT|SOCKET_TIMEOUT|ENOTCACHED/.test(stderr))
    throw new Error(`npm install of ${tarball.path} failed:\n${stderr}`)
  rmSync(join(project, 'node_modules'), { recursive: true, force: true })
  await linkTarball(project, tarball, others)
  return 'linked'
}

/**
 * The arguments of an example's usage line, `//   node train.js <logs> <model>`, with what they stand for in this test.
 */
function argumentsOf(source: string, script: string): string[] {
  const usage = source.split('\n').find((line) => line.startsWith('//') && line.includes(`node ${script}`))
  if (usage === undefined) throw new Error(`no usage line "//   node ${script} <…>" in its head`)
  const words = usage.slice(usage.indexOf(script) + script.length)
  return [...words.matchAll(/<(\w+)>/g)].map(([, word]) => {
    if (!Object.hasOwn(given, word)) throw new Error(`<${word}>: an example takes ${Object.keys(given).join(', ')}`)
    return given[word]
  })
}
