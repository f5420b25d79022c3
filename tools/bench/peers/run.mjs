// bump's engine beside transformers + PEFT, TRL and llama.cpp on this machine, case by case in turn, in one go. Prints
// a Markdown table with ratios; see README.md.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeModel } from './make-model.mjs'
import { readWork } from './work.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: flags } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    venv: { type: 'string', default: join(here, '.venv') },
    python: { type: 'string', default: 'python3' },
    folder: { type: 'string', default: join(here, '.work') },
    gguf: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    case: { type: 'string', multiple: true },
  },
})
const size = flags.smoke ? 'smoke' : 'full'
const folder = join(flags.folder, size)

const OURS = { system: 'bump', command: process.execPath, script: 'ours.mjs', model: folder }
const TRANSFORMERS = { system: 'transformers + PEFT', script: 'transformers_peft.py', model: folder }
const TRL = { system: 'TRL', script: 'trl_step.py', model: folder }
const LLAMA_CPP = {
  system: 'llama.cpp',
  command: process.execPath,
  script: 'llama-cpp.mjs',
  model: flags.gguf ?? join(folder, 'model.gguf'),
}

const { train, group, prefill, decode, judge, step } = readWork(size)
const decoding = (batch) => ({
  what: `decode after ${decode.prompt} tokens, batch ${batch}`,
  peers: [TRANSFORMERS, LLAMA_CPP],
})
const CASES = {
  train: { what: `training step, ${train.rows} rows of ${train.tokens} tokens`, peers: [TRANSFORMERS] },
  group: {
    what: `training step, a group of ${group.prompt} + ${group.completions} × ${group.tokens} tokens`,
    peers: [TRANSFORMERS],
  },
  prefill: {
    what: `prefill, ${prefill.prompts} prompts of ${prefill.tokens} tokens`,
    peers: [TRANSFORMERS, LLAMA_CPP],
  },
  'decode-1': decoding(1),
  'decode-8': decoding(8),
  'decode-32': decoding(32),
  judge: {
    what: `likelihood of ${judge.continuations} texts of ${judge.tokens} tokens after one of ${judge.prefix}`,
    peers: [TRANSFORMERS],
  },
  step: {
    what: `GRPO step, ${step.users} users × ${step.rollouts} rollouts, ${step.prompt} + ${step.tokens} tokens, ${step.candidates} candidates of ${step.candidateTokens}`,
    peers: [TRL],
  },
}

function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: here,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  })
  if (result.status === 0) return result.stdout
  const why = result.error?.message ?? `exit code ${result.status ?? result.signal}`
  console.error(`${command} ${args.join(' ')} failed (${why}):\n${result.stdout ?? ''}${result.stderr ?? ''}`)
  return undefined
}

/** Runs a step of the set-up, or ends here. */
function need(command, args, env) {
  console.error(`set-up: ${[command, ...args].join(' ')}`)
  if (run(command, args, env) === undefined) process.exit(1)
}

function setUp() {
  const python = join(flags.venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  if (!existsSync(python)) need(flags.python, ['-m', 'venv', flags.venv])
  if (run(python, ['-c', 'import torch, transformers, peft, trl']) === undefined)
    need(python, ['-m', 'pip', 'install', '-r', 'requirements.txt'])
  if (!existsSync(join(here, 'node_modules', 'node-llama-cpp')))
    need('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--no-package-lock'], {
      NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true',
    })
  makeModel(folder, readWork(size).model)
  return python
}

/** The line that a script reports; undefined where it failed, which was printed. */
function measure(name, { system, command, script, model }, python) {
  console.error(`${name}: ${system}`)
  const output = run(command ?? python, [script, size, model, name, flags.threads])
  const line = output?.split('\n').findLast((one) => one.startsWith('{"case"'))
  if (line !== undefined) console.error(`  ${line}`)
  return line === undefined ? undefined : JSON.parse(line)
}

const figure = ({ perSecond, seconds, unit, phases, peakGB }) => {
  const speed =
    unit === 'rollouts' ? `${seconds.toFixed(1)} s` : `${perSecond.toFixed(perSecond < 100 ? 1 : 0)} ${unit}/s`
  const parts = Object.entries(phases ?? {}).map(([phase, part]) => `${phase} ${part.toFixed(1)}`)
  return `${speed}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}, ${peakGB.toFixed(1)} GB`
}

/** Results that should be one: random weights give log probabilities near −ln(vocabulary), alike to rounding. */
const agree = (a, b) => Math.abs(a - b) < 2e-3 * Math.max(1, Math.abs(a))

const names = flags.case ?? Object.keys(CASES)
const unknown = names.find((name) => CASES[name] === undefined)
if (unknown !== undefined) {
  console.error(`there is no case "${unknown}"; choose of ${Object.keys(CASES).join(', ')}`)
  process.exit(2)
}
const python = setUp()
const rows = []
for (const name of names) {
  const { what, peers } = CASES[name]
  const ours = measure(name, OURS, python)
  for (const peer of peers) {
    const theirs = measure(name, peer, python)
    if (ours === undefined || theirs === undefined) {
      process.exitCode = 1
      continue
    }
    const checked = ours.check !== null && theirs.check !== null
    if (checked && !agree(ours.check, theirs.check)) {
      console.error(`${name}: results differ, ${ours.check} here and ${theirs.check} by ${peer.system}`)
      process.exitCode = 1
    }
    const same = checked ? (agree(ours.check, theirs.check) ? 'yes' : 'NO') : ''
    rows.push([what, figure(ours), peer.system, figure(theirs), `${(theirs.seconds / ours.seconds).toFixed(2)}×`, same])
  }
}
const versions = run(python, [
  '-c',
  'import torch, transformers, peft, trl; print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, trl {trl.__version__}")',
])
console.log(`${cpus()[0].model.trim()}, ${flags.threads} threads; Node ${process.version}; ${versions?.trim()}`)
if (flags.smoke) console.log('Smoke test: tiny sizes, the figures mean nothing.')
console.log('\n| work | bump | peer | its figure | bump is faster by | same results |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
