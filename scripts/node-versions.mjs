// Runs the demo and the tests of a fresh clone of HEAD on several versions of Node, and prints a table.
//
//   node scripts/node-versions.mjs [--demo-only] [versions, default 20.19 22 24 26]
//
// Each Node comes from the npm registry (the packages node-<platform>-<arch>, which `npm install node@24` installs too)
// into a temporary folder; npm is the one on the PATH. A version takes about a quarter of an hour on two cores.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const given = process.argv.slice(2)
const demoOnly = given.includes('--demo-only')
const named = given.filter((argument) => !argument.startsWith('-'))
const versions = named.length > 0 ? named : ['20.19', '22', '24', '26']
const platform = process.platform === 'win32' ? 'win' : process.platform
const rows = []

for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), `bump-node-${version}-`))
  try {
    rows.push(tryVersion(version, folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
console.log(['node', 'demo', 'tests', 'seconds'].map((cell) => cell.padEnd(12)).join(''))
for (const row of rows) console.log(row.map((cell) => String(cell).padEnd(12)).join(''))
process.exitCode = rows.some((row) => row.includes('failed')) ? 1 : 0

/** A row of the table. */
function tryVersion(version, folder) {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  const home = join(folder, 'node')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }')
  const name = `node-${platform}-${process.arch}`
  if (!run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`], home))
    return [version, 'no such Node', 'failed', seconds()]
  const bin = join(home, 'node_modules', name, 'bin')
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
  const exact = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim()
  const clone = join(folder, 'clone')
  console.error(`--- ${exact}`)
  if (!run('git', ['clone', '--quiet', root, clone], folder)) return [exact, 'no clone', 'failed', seconds()]
  const demo = run('npm', ['run', 'demo'], clone, env) ? 'passed' : 'failed'
  if (demoOnly) return [exact, demo, 'not run', seconds()]
  return [exact, demo, run('npm', ['test'], clone, env) ? 'passed' : 'failed', seconds()]
}

function run(command, args, cwd, env = process.env) {
  return spawnSync(command, args, { cwd, env, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
}
