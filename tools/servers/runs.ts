// Whole runs of `bump train` on servers: one that nothing disturbs, one whose client and server are killed over and
// over, and runs whose judge is on a server of its own. All must give the same numbers.
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { demoConfig } from '../../src/cli/demo.ts'
import { seedFrom, uniform } from '../../src/util/random.ts'
import { SERVED } from './install.ts'
import type { OpenAiServer } from './openai.ts'
import type { SkyRl } from './skyrl.ts'

type Server = Pick<SkyRl, 'address' | 'kill' | 'start'>

const bump = fileURLToPath(new URL('../../bin/bump.mjs', import.meta.url))

/** The demo's run on fewer users, or a small one, whose kills cost little. */
export type Size = 'demo' | 'small'
const STEPS = { demo: 10, small: 6 }
/** Of the demo's run. */
export const LAST_CHECKPOINT = `step-${STEPS.demo}`

/** With an adapter in place of all weights; the judge reads on this machine. */
function settingsOf(name: string, size: Size) {
  const steps = STEPS[size]
  const demo = demoConfig({ seed: 1, steps, name })
  const settings = {
    ...demo,
    engine: { type: 'tinker', model: SERVED },
    trainable: { type: 'lora', rank: 8 },
    judge: { ...demo.judge, model: demo.model },
    split: { ...demo.split, validation: 0.1, test: 0.1 },
    rollout: { ...demo.rollout, users: 4 },
    optim: { ...demo.optim, learningRate: 2e-3, maxGradNorm: 0 },
    validation: { ...demo.validation, every: steps, maxUsers: 8, select: 'last' },
    test: { ...demo.test, maxUsers: 8 },
    checkpoint: { ...demo.checkpoint, every: 1 },
  }
  if (size === 'demo') return settings
  return {
    ...settings,
    prompt: { ...demo.prompt, historyTokens: 32 },
    profile: { ...demo.profile, maxTokens: 8 },
    rollout: { ...demo.rollout, users: 2, groupSize: 4 },
    validation: { ...settings.validation, maxUsers: 2 },
    test: { ...demo.test, maxUsers: 2 },
  }
}

/** One process of a run; it ends by itself or by `kill`. */
function client(server: Server, folder: string, name: string, size: Size): ChildProcess {
  return bumpTrain(folder, name, settingsOf(name, size), ['--server', server.address])
}

/** Goes on with the run where there is one of that name. */
function bumpTrain(folder: string, name: string, settings: object, flags: string[]): ChildProcess {
  const config = join(folder, `${name}.yaml`)
  // YAML reads JSON.
  writeFileSync(config, JSON.stringify(settings))
  const resume = existsSync(join(folder, name, 'config.json'))
  const args = ['train', '--config', config, ...flags, '--runs', folder, '--threads', '1']
  const child = spawn(process.execPath, [bump, ...args, ...(resume ? ['--resume'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = join(folder, `${name}.log`)
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (bytes) => appendFileSync(log, bytes))
  return child
}

/** Its exit code; null where it was killed. */
const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

/** metrics.jsonl; a line that a kill cut short is none. */
function linesOf(folder: string, name: string): Record<string, number>[] {
  const path = join(folder, name, 'metrics.jsonl')
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Record<string, number>)
}

/** The same without times. */
function metricsOf(folder: string, name: string): Record<string, number>[] {
  return linesOf(folder, name).map((line) =>
    Object.fromEntries(Object.entries(line).filter(([key]) => key !== 'step_time' && !key.startsWith('time/'))),
  )
}

/** A run without kills, named after its size: its rewards, and seconds: of the whole, and of a usual step. Throws where it fails. */
export async function undisturbed(server: Server, folder: string, size: Size) {
  const started = performance.now()
  const code = await ended(client(server, folder, size, size))
  if (code !== 0) throw new Error(`the run failed: look at ${join(folder, `${size}.log`)}`)
  const steps = linesOf(folder, size).filter(({ reward }) => reward !== undefined)
  const times = steps.map(({ step_time }) => step_time).sort((a, b) => a - b)
  return {
    rewards: steps.map(({ reward }) => reward),
    seconds: (performance.now() - started) / 1000,
    stepSeconds: times[times.length >> 1],
  }
}

export interface Kills {
  client: number
  server: number
}

/**
 * The small run, killed over and over, spread over its steps and at a random moment of each: clients first, then
 * servers, which are started again. A client is killed while it opens the model, too; a server while it trains. Gives
 * the kills, and how the metrics compare with the other run's.
 */
export async function killed(
  server: Server,
  folder: string,
  { wanted, stepSeconds }: { wanted: Kills; stepSeconds: number },
): Promise<{ made: Kills } & Comparison> {
  const name = 'killed'
  const luck = uniform(seedFrom('kills'))
  const made: Kills = { client: 0, server: 0 }
  const all = wanted.client + wanted.server
  for (;;) {
    const run = client(server, folder, name, 'small')
    const end = ended(run)
    const done = made.client + made.server
    const target = Math.floor((done * STEPS.small) / (all + 1))
    const before = said(folder, name).length
    const ready = () =>
      linesOf(folder, name).length >= target &&
      (made.client < wanted.client || /resumed after|step \d/.test(said(folder, name).slice(before)))
    const due = async () => {
      while (run.exitCode === null && !ready()) await seconds(0.2)
      await seconds(luck() * 2 * stepSeconds)
    }
    if (done < all) await Promise.race([due(), end])
    if (done === all || run.exitCode !== null) {
      if ((await end) === 0) break
      throw new Error(`the run failed between kills: look at ${join(folder, `${name}.log`)}`)
    }
    const who = made.client < wanted.client ? 'client' : 'server'
    made[who]++
    console.log(`kill -9 of the ${who}, after ${linesOf(folder, name).length} lines of metrics`)
    if (who === 'client') run.kill('SIGKILL')
    else {
      await server.kill()
      await server.start()
    }
    // Without its server's memory, a run ends by itself and says how to go on.
    if ((await end) === 0) break
  }
  return { made, ...comparison(metricsOf(folder, 'small'), metricsOf(folder, name)) }
}

/** What a run has printed, over all its processes. */
function said(folder: string, name: string): string {
  const log = join(folder, `${name}.log`)
  return existsSync(log) ? readFileSync(log, 'utf8') : ''
}

const seconds = (count: number) => new Promise<void>((resolve) => setTimeout(resolve, 1000 * count))

/**
 * The first steps of the small run with a judge on a server: the policy on `server`, or on this machine. Gives its
 * rewards; throws where it fails.
 */
export async function judged(
  server: Server | undefined,
  judge: OpenAiServer,
  folder: string,
  scorer: 'likelihood' | 'listwise',
): Promise<number[]> {
  const name = `${server ? 'served' : 'embedded'}-${judge.kind}`
  const small = settingsOf(name, 'small')
  const settings = {
    ...small,
    engine: server && small.engine,
    judge: { scorer, server: 'nano' },
    optim: { ...small.optim, steps: 2 },
  }
  const flags = ['--judge-server', judge.address, ...(server ? ['--server', server.address] : [])]
  const code = await ended(bumpTrain(folder, name, settings, flags))
  if (code !== 0) throw new Error(`the run failed: look at ${join(folder, `${name}.log`)}`)
  return rewardsOf(linesOf(folder, name))
}

const rewardsOf = (lines: Record<string, number>[]) => lines.flatMap(({ reward }) => reward ?? [])

/** The server rounds by what it computes together, which is a matter of time. */
const CLOSE = 1e-5

interface Comparison {
  /** The first metric that is not close; undefined where all are. */
  difference: string | undefined
  /** The distance of the two that are furthest apart. */
  apart: number
}

function comparison(whole: Record<string, number>[], other: Record<string, number>[]): Comparison {
  if (whole.length !== other.length)
    return { difference: `${other.length} lines of metrics in place of ${whole.length}`, apart: Number.NaN }
  let apart = 0
  for (const [i, line] of whole.entries())
    for (const key of Object.keys({ ...line, ...other[i] })) {
      const distance = Math.abs(line[key] - other[i][key])
      if (!(distance <= CLOSE))
        return { difference: `step ${line.step}: ${key} is ${other[i][key]} in place of ${line[key]}`, apart: distance }
      apart = Math.max(apart, distance)
    }
  return { difference: undefined, apart }
}
