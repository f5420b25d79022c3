// The process that reads what may hang, crash or take all memory: one case after the other, as asked by hunt.ts.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BumpError } from '../../src/util/errors.ts'
import { filesOf, type Sample } from './case.ts'
import type { Outcome, Request } from './protocol.ts'
import { TARGETS } from './targets/targets.ts'

const own = mkdtempSync(join(tmpdir(), 'bump-fuzz-'))
process.env.BUMP_CACHE = join(own, 'cache')
process.on('exit', () => rmSync(own, { recursive: true, force: true }))
process.on('disconnect', () => process.exit())

const samples = new Map<string, Promise<Sample[]>>()
let strayError: unknown
process.on('unhandledRejection', (error) => {
  strayError = error
})
process.on('uncaughtException', (error) => {
  strayError = error
})

async function outcomeOf({ target, input, folder, keep }: Request): Promise<Outcome> {
  const { words, run, samples: make } = TARGETS[target]
  let all = samples.get(target)
  if (all === undefined) {
    const place = join(own, target)
    mkdirSync(place)
    all = make(place)
    samples.set(target, all)
  }
  const choice = await all
  const files = filesOf(input, choice[input.sample % choice.length], words)
  const memoryBefore = peakMemory()
  if (files === undefined) return { result: 'unwritable', bytes: 0, seconds: 0, memory: memoryBefore, memoryBefore }
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  const started = process.cpuUsage()
  let result: Outcome['result'] = 'read'
  let problem: string | undefined
  try {
    await run(folder, [...files.keys()])
    // What was left to itself ends now, or fails here.
    await new Promise((resolve) => setImmediate(resolve))
  } catch (error) {
    result = 'refused'
    problem = fault(error)
  }
  if (strayError !== undefined) problem = `out of any call: ${text(strayError)}`
  strayError = undefined
  const { user, system } = process.cpuUsage(started)
  if (!keep) rmSync(folder, { recursive: true, force: true })
  return {
    result: problem === undefined ? result : 'failed',
    problem,
    bytes: [...files.values()].reduce((sum, content) => sum + content.length, 0),
    seconds: (user + system) / 1e6,
    memory: peakMemory(),
    memoryBefore,
  }
}

/** What is wrong with an error, if anything: a refusal must not be a fault of bump's own code in disguise. */
function fault(error: unknown): string | undefined {
  if (!(error instanceof BumpError)) return text(error)
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    if ((cause instanceof TypeError || cause instanceof RangeError) && /^\s+at .*\/src\//m.test(topFrame(cause)))
      return `${error.message}\ncaused by ${text(cause)}`
  return undefined
}

const topFrame = (error: Error) => error.stack?.split('\n').find((line) => /^\s+at /.test(line)) ?? ''
const text = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))
const peakMemory = () => process.resourceUsage().maxRSS * 1024

process.on('message', async (request: Request) => {
  process.send!(await outcomeOf(request))
})
