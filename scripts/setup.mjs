// Makes a fresh clone ready: installs the locked packages once, builds dist/ when a source file changed.
// Needs Node and npm only; run by `npm run demo` and `npm test`, safe to run any number of times.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `bump needs Node 20.19 or newer; this is ${process.version}. Install a newer Node and run the command again.`,
  )
  process.exit(1)
}

function digest(paths) {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(path).update(readFileSync(join(root, path)))
  return hash.digest('hex')
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort()
}

function run(what, command, args, env = {}) {
  console.error(`setup: ${what}`)
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  })
  if (result.status !== 0) {
    console.error(`setup: ${command} ${args.join(' ')} failed (exit code ${result.status}). See its message above.`)
    process.exit(1)
  }
}

function step(name, wanted, product, work) {
  const stamp = join(root, 'node_modules', `.bump-${name}`)
  if (existsSync(join(root, product)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  work()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
}

// `npm install` rather than `npm ci`: it takes the locked versions too, and adds the platform's own binaries where the
// lock file was written on another platform. The runtime's own install script fetches GPU libraries from outside the
// npm registry: skipped, the CPU needs none.
const install = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
step('install', digest(['package.json', 'package-lock.json']), 'node_modules', () =>
  run('installing packages', 'npm', install, { ONNXRUNTIME_NODE_INSTALL: 'skip' }),
)
step('build', digest(['tsconfig.json', 'tsconfig.build.json', ...sources('src')]), 'dist', () => {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('building dist/', process.execPath, [
    join('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
  ])
})
