// `npm run bench`: the engine's speed and memory on SmolLM2-135M's shape, beside what the machine itself can do.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { CASES, type Goal, type Machine, measureMachine, REFERENCE, type Row } from './cases.ts'
import { benchModel } from './shape.ts'

const MARK = 'bench-rows:'

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
function runCase(name: string, machine: Machine): Row[] | undefined {
  const child = spawnSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), name, JSON.stringify(machine)],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const line = child.stdout.split('\n').find((l) => l.startsWith(MARK))
  if (line) return JSON.parse(line.slice(MARK.length)) as Row[]
  console.error(`the benchmark "${name}" failed (exit code ${child.status ?? child.signal}); its message stands above`)
  process.exitCode = 1
  return undefined
}

const [name, given] = process.argv.slice(2)
if (given) console.log(MARK + JSON.stringify(await CASES[name](JSON.parse(given) as Machine)))
else if (name && !CASES[name]) {
  console.error(`there is no benchmark "${name}"; choose one of ${Object.keys(CASES).join(', ')}`)
  process.exitCode = 2
} else {
  benchModel()
  console.log(
    `SmolLM2-135M's shape, random weights, f32, LoRA rank 16; Node ${process.version}; medians after a warm-up.`,
  )
  console.log(
    `Goals were set on a machine of about ${REFERENCE.compute} GFLOP/s and ${REFERENCE.memory} GB/s; "here" scales them to this one.\n`,
  )
  console.log('| what | figure | goal | goal here | met / met here |\n| --- | --- | --- | --- | --- |')
  // A shared machine changes its speed: each case is held against what was measured just before it.
  for (const one of name ? [name] : Object.keys(CASES)) {
    const machine = await measureMachine()
    const figure = `${machine.compute.toFixed(0)} GFLOP/s, ${machine.memory.toFixed(1)} GB/s`
    print({ what: `MatMul 2048³ on ${availableParallelism()} threads, memory read`, figure }, machine)
    for (const row of runCase(one, machine) ?? []) print(row, machine)
  }
}
