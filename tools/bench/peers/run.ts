// bump's engine beside transformers + PEFT, TRL and llama.cpp on this machine, case by case in turn, in one go. Prints
// Markdown tables and writes every result down as it comes; see README.md.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { ModelConfig } from '../../../src/engine/model/config.ts'
import { describeCpu } from '../cpu.ts'
import { makeModel } from './make-model.ts'
import {
  agreement,
  BUMP,
  everything,
  goals,
  LLAMA_CPP,
  type Result,
  type Subject,
  summary,
  TRANSFORMERS,
  TRL,
} from './table.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: flags } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    venv: { type: 'string', default: join(here, '.venv') },
    python: { type: 'string', default: 'python3' },
    folder: { type: 'string', default: join(here, '.work') },
    threads: { type: 'string', default: String(availableParallelism()) },
    case: { type: 'string', multiple: true },
  },
})

const QWEN = 'qwen-'
/** Minutes after which one measurement is given up. */
const LIMIT = 20

const json = (path: string) => JSON.parse(readFileSync(join(here, path), 'utf8'))
const sizeOf = (name: string) => {
  if (flags.smoke) return name.startsWith(QWEN) ? 'smoke-qwen' : 'smoke'
  return name.startsWith(QWEN) ? 'qwen' : 'full'
}
const folderOf = (name: string) => join(flags.folder, sizeOf(name))
const shapeOf = (name: string): ModelConfig => json('../shapes.json')[json('work.json')[sizeOf(name)].shape]

const TRAINING = ['train', 'group', 'step']
const GGUF = ['F16', 'Q8_0', 'Q4_K_M']

function whatOf(name: string): string {
  const { train, group, prefill, decode, judge, step } = json('work.json')[sizeOf(name)]
  const [kind, batch] = name.replace(QWEN, '').split('-')
  const what: Record<string, () => string> = {
    train: () => `training step, ${train.rows} rows of ${train.tokens} tokens`,
    group: () => `training step, a group of ${group.prompt} + ${group.completions} × ${group.tokens} tokens`,
    prefill: () => `prefill, ${prefill.prompts} prompts of ${prefill.tokens} tokens`,
    decode: () => `decode after ${decode.prompt} tokens, batch ${batch}`,
    judge: () => `likelihood of ${judge.continuations} texts of ${judge.tokens} tokens after one of ${judge.prefix}`,
    step: () =>
      `GRPO step, ${step.users} users × ${step.rollouts} rollouts, ${step.prompt} + ${step.tokens} tokens, ${step.candidates} candidates of ${step.candidateTokens}`,
  }
  return `${name.startsWith(QWEN) ? "Qwen2.5-0.5B's shape: " : ''}${what[kind]()}`
}

const CASES = ['train', 'group', 'prefill', 'decode-1', 'decode-8', 'decode-32', 'judge', 'step', 'qwen-step']
const MORE_CASES = ['qwen-train', 'qwen-group']

/** bfloat16 in its two ways; where `train` or `prefill` has shown which one is the faster, that one. */
function halves(name: string, training: boolean, results: readonly Result[]): string[] {
  const probe = training ? 'train' : 'prefill'
  const ways = ['bf16', 'autocast']
  const shown = results.filter(
    (one) => one.case.endsWith(probe) && one.case !== name && 'seconds' in one && ways.includes(one.precision),
  ) as Extract<Result, { seconds: number }>[]
  if (shown.length < ways.length) return ways
  return [shown.reduce((a, b) => (b.seconds < a.seconds ? b : a)).precision]
}

/** Who does the work of a case, at which precisions, in turn. */
function subjects(name: string, results: readonly Result[]): Subject[] {
  const kind = name.replace(QWEN, '').split('-')[0]
  const training = TRAINING.includes(kind)
  const mine = ['f32']
  if (kind !== 'train' && kind !== 'group') mine.push('int8')
  if (training) mine.push('int8-training')
  const all = [
    [BUMP, mine],
    [kind === 'step' ? TRL : TRANSFORMERS, ['f32', ...halves(name, training, results)]],
    [LLAMA_CPP, kind === 'prefill' || kind === 'decode' ? GGUF : []],
  ] as const
  return all.flatMap(([system, precisions]) => precisions.map((precision) => ({ case: name, system, precision })))
}

/** Runs a step of the set-up, or ends here. */
function need(command: string, args: string[], env = {}): void {
  console.error(`set-up: ${[command, ...args].join(' ')}`)
  const stdio = ['ignore', 2, 2] as const
  const { status, error } = spawnSync(command, args, { cwd: here, stdio: [...stdio], env: { ...process.env, ...env } })
  if (status === 0) return
  console.error(`${command} failed (${error?.message ?? `exit code ${status}`})`)
  process.exit(1)
}

const python = join(flags.venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
const nodeModules = join(flags.venv, 'node', 'node_modules')
const says = (code: string) => spawnSync(python, ['-c', code], { encoding: 'utf8' })

function setUp(names: readonly string[]): void {
  if (!existsSync(python)) need(flags.python, ['-m', 'venv', flags.venv])
  if (says('import torch, transformers, peft, trl').status !== 0)
    need(python, ['-m', 'pip', 'install', '-r', 'requirements.txt'])
  if (!existsSync(join(nodeModules, 'node-llama-cpp'))) {
    mkdirSync(join(flags.venv, 'node'), { recursive: true })
    writeFileSync(join(flags.venv, 'node', 'package.json'), readFileSync(join(here, 'package.json')))
    need('npm', ['install', '--prefix', join(flags.venv, 'node'), '--no-audit', '--no-fund', '--no-package-lock'], {
      NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true',
    })
  }
  for (const name of names) {
    makeModel(folderOf(name), shapeOf(name))
    const file = (precision: string) => join(folderOf(name), `${precision}.gguf`)
    if (existsSync(file('F16')))
      for (const precision of GGUF.slice(1))
        if (!existsSync(file(precision)))
          need(python, ['quantize.py', nodeModules, file('F16'), file(precision), precision])
  }
}

const SCRIPTS: Record<string, [command: string, script: string]> = {
  [BUMP]: [process.execPath, 'ours.mjs'],
  [TRANSFORMERS]: [python, 'transformers_peft.py'],
  [TRL]: [python, 'trl_step.py'],
  [LLAMA_CPP]: [process.execPath, 'llama-cpp.mjs'],
}

/** Memory of a process, mapped files counted once (proportional set size), in GB; 0 where that cannot be read. */
function memoryOf(pid: number | undefined): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1e6
  } catch {
    return 0
  }
}

/**
 * One measurement in a process of its own. Scripts report their peak of resident memory; bump maps its weights for several
 * graphs, which counts them as often, so it is looked at from outside.
 */
async function measure(subject: Subject): Promise<Result> {
  const [command, script] = SCRIPTS[subject.system]
  const kind = subject.case.replace(QWEN, '')
  const args = [script, sizeOf(subject.case), folderOf(subject.case), kind, flags.threads, subject.precision]
  console.error(`${subject.case}: ${subject.system}, ${subject.precision}`)
  const NODE_LLAMA_CPP = pathToFileURL(join(nodeModules, 'node-llama-cpp', 'dist', 'index.js')).href
  const child = spawn(command, args, {
    cwd: here,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT * 60_000,
    env: { ...process.env, NODE_LLAMA_CPP },
  })
  let peak = 0
  const timer = setInterval(() => {
    if (subject.system === BUMP) peak = Math.max(peak, memoryOf(child.pid))
  }, 1000)
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text) => {
      output[stream] += text
    })
  const problem = await new Promise<string | undefined>((done) => {
    child.on('error', ({ message }) => done(message))
    child.on('close', (code, signal) => done(code === 0 ? undefined : `exit code ${code ?? signal}`))
  })
  clearInterval(timer)
  const line = output.stdout.split('\n').findLast((one) => one.startsWith('{"seconds"'))
  if (problem === undefined && line !== undefined) {
    const reported = JSON.parse(line)
    const { check, ...shown } = reported
    console.error(`  ${JSON.stringify(shown)}`)
    return { ...subject, ...reported, peakGB: peak || reported.peakGB }
  }
  console.error(`${command} ${args.join(' ')} failed (${problem}):\n${output.stdout}${output.stderr}`)
  return { ...subject, error: problem ?? 'it reported nothing' }
}

const names = flags.case ?? CASES
const unknown = names.find((name) => ![...CASES, ...MORE_CASES].includes(name))
if (unknown !== undefined) {
  console.error(`there is no case "${unknown}"; choose of ${[...CASES, ...MORE_CASES].join(', ')}`)
  process.exit(2)
}
setUp(names)
const { stdout: versions } = says(
  'import torch, transformers, peft, trl; print(f"torch {torch.__version__}, transformers {transformers.__version__}, PEFT {peft.__version__}, TRL {trl.__version__}", end="")',
)
const llamaCpp = `node-llama-cpp ${json('package.json').dependencies['node-llama-cpp']}`
const machine = `${describeCpu()}, ${flags.threads} threads; Node ${process.version}, ${versions}, ${llamaCpp}`
console.error(machine)
const record = join(flags.folder, 'results.json')
const results: Result[] = []
for (const name of names)
  for (const subject of subjects(name, results)) {
    results.push(await measure(subject))
    writeFileSync(record, JSON.stringify({ machine, smoke: flags.smoke, results }, null, 1))
  }
const works = new Map(names.map((name) => [name, whatOf(name)]))
console.log(machine)
if (flags.smoke) console.log('Smoke test: tiny sizes, the figures mean nothing.')
for (const text of [summary(results, works), goals(results, works), everything(results, works)])
  console.log(`\n${text}`)
console.error(`\nall results: ${record}`)
if (results.some((one) => 'error' in one || agreement(results, one)?.within === false)) process.exitCode = 1
