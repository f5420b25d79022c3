// `npm run test:servers`: bump against a real Tinker server, which it installs outside the repository and starts.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { killed, undisturbed } from './runs.ts'
import { install, python312, SkyRl } from './skyrl.ts'

const USAGE = `npm run test:servers -- [options]: the provider of the Tinker protocol against SkyRL (JAX, CPU)

  --folder FOLDER   where the server is installed, 6 GB (default ~/.cache/bump-servers)
  --python FILE     Python 3.12 (default: of the PATH, or of pyenv)
  --only PART       contract, or runs
  --client-kills N  kill -9 of bump in the run (default 3)
  --server-kills N  kill -9 of the server in the run (default 1)`

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(homedir(), '.cache', 'bump-servers') },
    python: { type: 'string' },
    only: { type: 'string' },
    'client-kills': { type: 'string', default: '3' },
    'server-kills': { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const python = python312(values.python)
if (python === undefined) {
  console.log('SKIPPED, nothing was tested: SkyRL needs Python 3.12, and there is none here. Name one by --python.')
  process.exit(0)
}
install(join(values.folder, 'skyrl'), python)
const work = mkdtempSync(join(tmpdir(), 'bump-servers-'))
const server = new SkyRl(join(values.folder, 'skyrl'), join(work, 'server'))
let failed = false
try {
  await server.start()
  if (values.only !== 'runs') {
    const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url))
    const env = { ...process.env, TINKER_BASE_URL: server.address }
    const { status } = spawnSync('npx', ['vitest', 'run', '--config', config], { stdio: 'inherit', env })
    failed = status !== 0
  }
  if (values.only !== 'contract') {
    const { rewards, seconds } = await undisturbed(server, work, 'demo')
    console.log(
      `${rewards.length} steps in ${seconds.toFixed(0)} s; rewards: ${rewards.map((r) => r.toFixed(3)).join(' ')}`,
    )
    const half = rewards.length / 2
    const [before, after] = [mean(rewards.slice(0, half)), mean(rewards.slice(-half))]
    console.log(`mean reward of the first half ${before.toFixed(3)}, of the second ${after.toFixed(3)}`)
    const wanted = { client: Number(values['client-kills']), server: Number(values['server-kills']) }
    const { stepSeconds } = await undisturbed(server, work, 'small')
    const { made, difference } = await killed(server, work, { wanted, stepSeconds })
    console.log(`${made.client} kills of bump, ${made.server} of the server: ${difference ?? 'the same metrics'}`)
    failed ||= !(after > before) || difference !== undefined
  }
} finally {
  await server.kill()
}
console.log(failed ? `FAILED: runs and logs are in ${work}` : `passed; runs and logs are in ${work}`)
process.exit(failed ? 1 : 0)

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
