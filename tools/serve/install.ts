// The package as a stranger gets it: packed, installed into an empty folder by a user without a home, and started.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packTarball, writeManifest } from '../package/tarball.ts'
import type { Check } from './check.ts'
import { until } from './service.ts'

export const install: Check = {
  name: 'install',
  about: 'npm pack, npm install into an empty folder with an empty HOME, bump serve: /readyz answers',
  once: true,
  async run({ folder }, found) {
    const tarball = await packTarball(folder)
    const [project, home] = [join(folder, 'project'), join(folder, 'home')]
    mkdirSync(home)
    writeManifest(project)
    const env = { PATH: process.env.PATH, HOME: home, ONNXRUNTIME_NODE_INSTALL: 'skip', ...npmAddress() }
    const started = performance.now()
    const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball.path]
    execFileSync('npm', npm, { cwd: project, env, stdio: ['ignore', 'ignore', 'inherit'] })
    found.figure('seconds of npm install', (performance.now() - started) / 1000)
    const size = execFileSync('du', ['-sm', join(project, 'node_modules')], { encoding: 'utf8' })
    found.figure('MB installed', Number.parseInt(size, 10))
    const bump = join(project, 'node_modules', '.bin', 'bump')
    const child = spawn(bump, ['serve', '--db', 'bump.sqlite', '--port', '0'], { cwd: project, env })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (bytes) => {
      stdout += bytes
    })
    child.stderr.on('data', (bytes) => {
      stderr += bytes
    })
    await until(() => stdout.includes('\n') || child.exitCode !== null, 60_000)
    if (child.exitCode === null) {
      const { status } = await fetch(`${stdout.trim()}/readyz`)
      found.holds(status === 200, `/readyz answers ${status}`)
    }
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    if (child.exitCode === null) child.kill('SIGTERM')
    const code = child.exitCode ?? (await ended)
    found.holds(code === 0, `bump serve ended with ${code}: ${stderr}`)
  },
}

/** Where npm of this machine gets packages: without its home it would not know. */
function npmAddress(): Record<string, string> {
  const address = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  return { npm_config_registry: address }
}
