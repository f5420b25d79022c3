// `npm run test:servers`: bump against real servers, which it installs outside the repository and starts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { python312 } from './install.ts'
import { OpenAiServer } from './openai.ts'
import { judged, killed, LAST_CHECKPOINT, undisturbed } from './runs.ts'
import { installSkyRl, SkyRl } from './skyrl.ts'
import { throughput } from './throughput.ts'

const PARTS = ['contract', 'judges', 'runs', 'throughput'] as const
const USAGE = `npm run test:servers -- [options]: bump against SkyRL (JAX, CPU), llama.cpp and vLLM

  --folder FOLDER   where they are installed, 12 GB (default ~/.cache/bump-servers)
  --python FILE     Python 3.12 (default: of the PATH, or of pyenv)
  --only PART       ${PARTS.join(', ')}
  --without-vllm    leaves vLLM out, and 6 GB
  --client-kills N  kill -9 of bump in the run (default 3)
  --server-kills N  kill -9 of the server in the run (default 1)`

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(homedir(), '.cache', 'bump-servers') },
    python: { type: 'string' },
    only: { type: 'string' },
    'without-vllm': { type: 'boolean', default: false },
    'client-kills': { type: 'string', default: '3' },
    'server-kills': { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
const { only } = values
if (values.help || (only !== undefined && !PARTS.some((part) => part === only))) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}
const found = python312(values.python)
if (found === undefined) {
  console.log('SKIPPED, nothing was tested: SkyRL needs Python 3.12, and there is none here. Name one by --python.')
  process.exit(0)
}
const python = found
const wanted = (part: (typeof PARTS)[number]) => only === undefined || only === part
const skyrlFolder = join(values.folder, 'skyrl')
installSkyRl(skyrlFolder, python)
const work = mkdtempSync(join(tmpdir(), 'bump-servers-'))
const skyrl = new SkyRl(skyrlFolder, join(work, 'skyrl'))
const started: OpenAiServer[] = []
let failed = false
try {
  if (only !== 'throughput') await skyrl.start()
  if (wanted('contract')) check('skyrl', {})
  if (wanted('judges')) await judges()
  if (wanted('runs')) await runs()
  if (wanted('throughput') && !values['without-vllm']) await speed()
} finally {
  for (const server of [...started, skyrl]) await server.kill()
}
console.log(failed ? `FAILED: runs and logs are in ${work}` : `passed; runs and logs are in ${work}`)
process.exit(failed ? 1 : 0)

/** Runs one file of checks. */
function check(name: string, env: Record<string, string>): void {
  const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url))
  const { status } = spawnSync('npx', ['vitest', 'run', '--config', config, name], {
    stdio: 'inherit',
    env: { ...process.env, TINKER_BASE_URL: skyrl.address, SKYRL_FOLDER: skyrlFolder, ...env },
  })
  failed ||= status !== 0
}

async function open(kind: OpenAiServer['kind']): Promise<OpenAiServer> {
  const state = join(work, kind)
  mkdirSync(state, { recursive: true })
  const server = new OpenAiServer(kind, join(values.folder, kind === 'llama.cpp' ? 'llama' : 'vllm'), state)
  started.push(server)
  await server.start(python)
  return server
}

/** Judges on servers, beside those here, and runs with the policy on SkyRL or here. */
async function judges(): Promise<void> {
  const llama = await open('llama.cpp')
  const vllm = values['without-vllm'] ? undefined : await open('vLLM')
  check('judges', { LLAMA_CPP_URL: llama.address, ...(vllm ? { VLLM_URL: vllm.address } : {}) })
  for (const policy of [undefined, skyrl])
    for (const judge of [llama, ...(vllm ? [vllm] : [])]) {
      const rewards = await judged(policy, judge, work, judge === llama ? 'listwise' : 'likelihood')
      const where = policy ? 'SkyRL' : 'here'
      console.log(`policy ${where}, judge on ${judge.kind}: rewards ${shown(rewards)}`)
    }
  await vllm?.kill()
}

async function runs(): Promise<void> {
  const { rewards, seconds } = await undisturbed(skyrl, work, 'demo')
  console.log(`${rewards.length} steps in ${seconds.toFixed(0)} s; rewards: ${shown(rewards)}`)
  const half = rewards.length / 2
  const [before, after] = [mean(rewards.slice(0, half)), mean(rewards.slice(-half))]
  console.log(`mean reward of the first half ${before.toFixed(3)}, of the second ${after.toFixed(3)}`)
  failed ||= !(after > before)
  const vllm = values['without-vllm'] ? undefined : await open('vLLM with adapters')
  const trained = { BUMP_RUN: join(work, 'demo'), CHECKPOINT: LAST_CHECKPOINT }
  check('adapter', { ...trained, ...(vllm ? { VLLM_LORA_URL: vllm.address } : {}) })
  await vllm?.kill()
  const { stepSeconds } = await undisturbed(skyrl, work, 'small')
  const kills = { client: Number(values['client-kills']), server: Number(values['server-kills']) }
  const { made, difference, apart } = await killed(skyrl, work, { wanted: kills, stepSeconds })
  const same = `the same metrics, at most ${apart.toExponential(1)} apart`
  console.log(`${made.client} kills of bump, ${made.server} of the server: ${difference ?? same}`)
  failed ||= difference !== undefined
}

/** Writing profiles on vLLM, beside vLLM's own benchmark. A matter of time, so nothing fails here. */
async function speed(): Promise<void> {
  await skyrl.kill()
  const vllm = await open('vLLM')
  for (const concurrency of [8, 32]) {
    const { own, ours } = await throughput(vllm, work, concurrency)
    const ratio = mean(ours) / mean(own)
    console.log(
      `${concurrency} requests under way: ${shown(ours)} profiles a second by bump, ${shown(own)} by vLLM's own`,
    )
    console.log(`benchmark on the same prompts, by turns: ${(100 * ratio).toFixed(1)} %`)
  }
  await vllm.kill()
}

function shown(values: readonly number[]): string {
  return values.map((value) => value.toFixed(3)).join(' ')
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
