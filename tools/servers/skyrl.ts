// A real SkyRL server on this machine's processor, with the nano model in float32: installed, started, killed.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The model's name on the server: its folder there. */
export const SERVED = 'nano32'

const VERSION = '0.4.0'
/** The server starts its engine by `uv run` with extras of these two names. */
const PROJECT = `[project]
name = "tinker-server"
version = "0"
requires-python = ">=3.12,<3.13"
dependencies = ["aiohttp"]
[project.optional-dependencies]
tinker = ["skyrl[tinker]==${VERSION}"]
jax = ["skyrl[jax]==${VERSION}"]
[tool.uv]
package = false
`
// Adapters of killed runs are freed minutes later, when their sessions end: there is room for those of many.
const BACKEND = {
  ...{ max_lora_adapters: 48, max_lora_rank: 16 },
  ...{ sample_max_num_sequences: 32, train_micro_batch_size: 8 },
}

/** A Python 3.12: that of the argument, on the PATH, or of pyenv; undefined where there is none. */
export function python312(given?: string): string | undefined {
  const candidates = given === undefined ? ['python3.12', 'python3', ...ofPyenv()] : [given]
  return candidates.find((python) => said(python, ['-c', 'import sys; print(*sys.version_info[:2])']) === '3 12')
}

const ofPyenv = () => [said('pyenv', ['prefix', '3.12'])].filter(Boolean).map((prefix) => join(prefix!, 'bin/python'))

function said(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

/** Installs the server into the folder, where it is not there yet: about 6 GB. */
export function install(folder: string, python: string): void {
  mkdirSync(folder, { recursive: true })
  const project = join(folder, 'pyproject.toml')
  const done = join(folder, 'installed')
  if (existsSync(done) && readFileSync(project, 'utf8') === PROJECT) return
  rmSync(done, { force: true })
  writeFileSync(project, PROJECT)
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: folder, stdio: 'inherit' })
  run(python, '-m', 'venv', 'uv-venv')
  run(uvOf(folder, 'pip'), 'install', '-q', 'uv')
  run(uvOf(folder, 'uv'), 'sync', '--python', python, '--extra', 'tinker', '--extra', 'jax')
  const model = join(folder, SERVED)
  cpSync(fileURLToPath(new URL('../../assets/nano', import.meta.url)), model, { recursive: true })
  // Half precision does not run on a CPU there. Weights are cast as they are read.
  const config = join(model, 'config.json')
  writeFileSync(config, readFileSync(config, 'utf8').replace('"float16"', '"float32"'))
  writeFileSync(done, '')
}

const uvOf = (folder: string, command: string) => join(folder, 'uv-venv', 'bin', command)

/** One server, whose state outlives its processes. */
export class SkyRl {
  private child: ChildProcess | undefined
  private port = 0

  /** `folder`: where it is installed; `state`: what it keeps, and its log. */
  constructor(
    private readonly folder: string,
    private readonly state: string,
  ) {}

  get address(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it, at the same address each time; it answers then, though its engine may still take minutes. */
  async start(): Promise<void> {
    mkdirSync(this.state, { recursive: true })
    this.port ||= await freePort()
    const log = openSync(join(this.state, 'server.log'), 'a')
    const args = [
      ...['run', '--offline', '--extra', 'tinker', '--extra', 'jax', '-m', 'skyrl.tinker.api'],
      ...['--base-model', SERVED, '--backend', 'jax', '--backend-config', JSON.stringify(BACKEND)],
      ...['--database-url', `sqlite:///${join(this.state, 'tinker.db')}`],
      ...['--checkpoints-base', join(this.state, 'checkpoints'), '--host', '127.0.0.1', '--port', String(this.port)],
    ]
    const path = `${join(this.folder, 'uv-venv', 'bin')}:${process.env.PATH}`
    const env = { ...process.env, PATH: path, HF_HUB_OFFLINE: '1', JAX_PLATFORMS: 'cpu', ...this.kept }
    // A group of its own, so that its engine can be killed with it.
    this.child = spawn(uvOf(this.folder, 'uv'), args, {
      cwd: this.folder,
      env,
      stdio: ['ignore', log, log],
      detached: true,
    })
    for (const deadline = Date.now() + 600_000; Date.now() < deadline; ) {
      if (this.child.exitCode !== null) break
      const healthy = await fetch(`${this.address}/api/v1/healthz`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (healthy) return
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    throw new Error(`the server does not answer: look at ${join(this.state, 'server.log')}`)
  }

  /** What is compiled is kept: each shape takes seconds to minutes. */
  private get kept(): Record<string, string> {
    return {
      JAX_COMPILATION_CACHE_DIR: join(this.folder, 'compiled'),
      JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS: '0',
      JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES: '-1',
    }
  }

  /** kill -9 of the server and its engine. */
  async kill(): Promise<void> {
    const { child } = this
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    process.kill(-child.pid, 'SIGKILL')
    await ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
