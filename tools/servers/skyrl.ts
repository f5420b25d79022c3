// A real SkyRL server (JAX) on this machine's processor, with the nano model in float32.
import { join } from 'node:path'
import { install, SERVED, uvOf } from './install.ts'
import { freePort, ServerProcess } from './process.ts'

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

/** Installs the server into the folder, where it is not there yet: about 6 GB. */
export const installSkyRl = (folder: string, python: string) => install(folder, PROJECT, python)

/** One server, whose state outlives its processes. */
export class SkyRl {
  private readonly process: ServerProcess
  private port = 0

  /** `folder`: where it is installed; `state`: what it keeps, and its log. */
  constructor(
    private readonly folder: string,
    private readonly state: string,
  ) {
    this.process = new ServerProcess(join(state, 'server.log'))
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it, at the same address each time; it answers then, though its engine may still take minutes. */
  async start(): Promise<void> {
    this.port ||= await freePort()
    const { folder, state, port } = this
    await this.process.start({
      command: uvOf(folder, 'uv'),
      args: [
        ...['run', '--offline', '--extra', 'tinker', '--extra', 'jax', '-m', 'skyrl.tinker.api'],
        ...['--base-model', SERVED, '--backend', 'jax', '--backend-config', JSON.stringify(BACKEND)],
        ...['--database-url', `sqlite:///${join(state, 'tinker.db')}`],
        ...['--checkpoints-base', join(state, 'checkpoints'), '--host', '127.0.0.1', '--port', String(port)],
      ],
      cwd: folder,
      env: {
        PATH: `${join(folder, 'uv-venv', 'bin')}:${process.env.PATH}`,
        HF_HUB_OFFLINE: '1',
        JAX_PLATFORMS: 'cpu',
        // What is compiled is kept: each shape takes seconds to minutes.
        JAX_COMPILATION_CACHE_DIR: join(folder, 'compiled'),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS: '0',
        JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES: '-1',
      },
      health: `${this.address}/api/v1/healthz`,
    })
  }

  /** kill -9 of the server and its engine. */
  async kill(): Promise<void> {
    await this.process.kill()
  }
}
