// `npm run bench`: the engine's speed and memory on SmolLM2-135M's shape and, where it matters, on Qwen2.5-0.5B's, beside
// what the machine itself can do.
//
//   npm run bench -- [--device cpu|webgpu|cuda] [--minutes 30] [case …]
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Device } from '../../src/engine/runtime/device.ts'
import { type Goal, type Machine, REFERENCE, type Row } from './case.ts'
import { CASES } from './cases.ts'
import { describeCpu } from './cpu.ts'
import { measureMachine } from './machine.ts'
import { benchModel, QWEN25_05B, SMOLLM2_135M } from './shape.ts'

const MARK = 'bench-rows:'
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', default: 'cpu' },
    /** After so many minutes no more is measured. */
    minutes: { type: 'string', default: '60' },
    /** Of the processes that this one starts: what the machine can do. */
    machine: { type: 'string' },
  },
})
const end = performance.now() + Number(flags.minutes) * 60_000

function verdict(goal: Goal, machine: Machine): { wanted: string; scaled: string; met: string } {
  const { unit, value, measured, bound, atMost } = goal
  const speed = bound === 'nothing' ? 1 : machine[bound] / REFERENCE[bound]
  const here = atMost ? value / speed : value * speed
  const reached = (wanted: number) => (atMost ? measured <= wanted : measured >= wanted)
  const say = (wanted: number) => `${atMost ? '≤' : '≥'} ${Number(wanted.toPrecision(3))} ${unit}`
  return {
    wanted: say(value),
    scaled: bound === 'nothing' ? '' : say(here),
    met: `${reached(value) ? 'yes' : 'no'}${bound === 'nothing' ? '' : ` / ${reached(here) ? 'yes' : 'no'}`}`,
  }
}

function print({ what, figure, goals = [] }: Row, machine: Machine): void {
  const verdicts = goals.map((goal) => verdict(goal, machine))
  const column = (key: 'wanted' | 'scaled' | 'met') => verdicts.map((v) => v[key]).join(', ')
  console.log(`| ${what} | ${figure} | ${column('wanted')} | ${column('scaled')} | ${column('met')} |`)
}

/** One case in a process of its own, so that peak memory belongs to it. */
function runCase(name: string, machine: Machine): Row[] {
  const args = [fileURLToPath(import.meta.url), name, '--device', flags.device, '--machine', JSON.stringify(machine)]
  const child = spawnSync(process.execPath, [...process.execArgv, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: Math.max(1, end - performance.now()),
  })
  const line = child.stdout.split('\n').find((l) => l.startsWith(MARK))
  if (line) return JSON.parse(line.slice(MARK.length)) as Row[]
  console.error(`the benchmark "${name}" failed (exit code ${child.status ?? child.signal}); its message stands above`)
  process.exitCode = 1
  return []
}

async function runAll(names: readonly string[]): Promise<void> {
  benchModel(SMOLLM2_135M)
  if (names.some((name) => name.startsWith('qwen'))) benchModel(QWEN25_05B)
  console.log(
    `${describeCpu()}, ${availableParallelism()} threads; device ${flags.device}; Node ${process.version}. ` +
      `SmolLM2-135M's shape where no other is named, random weights, f32 where nothing else is said, LoRA rank 16; ` +
      'medians after a warm-up.',
  )
  console.log(
    `Goals were set on a machine of about ${REFERENCE.compute} GFLOP/s and ${REFERENCE.memory} GB/s; "here" scales them to this one.\n`,
  )
  console.log('| what | figure | goal | goal here | met / met here |\n| --- | --- | --- | --- | --- |')
  // A shared machine changes its speed: each case is held against what was measured just before it.
  for (const name of names) {
    if (performance.now() > end) {
      console.error(`the time is over: "${name}" and what follows were left out`)
      return
    }
    const machine = await measureMachine()
    const figure = `${machine.compute.toFixed(0)} GFLOP/s, ${machine.memory.toFixed(1)} GB/s`
    print({ what: `MatMul 2048³ on ${availableParallelism()} threads, memory read`, figure }, machine)
    for (const row of runCase(name, machine)) print(row, machine)
  }
}

const unknown = positionals.find((name) => CASES[name] === undefined)
if (unknown !== undefined) {
  console.error(`there is no benchmark "${unknown}"; choose of ${Object.keys(CASES).join(', ')}`)
  process.exitCode = 2
} else if (flags.machine !== undefined) {
  const rows = await CASES[positionals[0]](JSON.parse(flags.machine) as Machine, flags.device as Device)
  console.log(MARK + JSON.stringify(rows))
} else await runAll(positionals.length > 0 ? positionals : Object.keys(CASES))
