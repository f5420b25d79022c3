// Hunts for inputs that bump fails at: cases by fast-check, each read in another process under a watchdog. What fails is
// shrunk to the smallest case that still does.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { type FuzzCase, fuzzCase } from './case.ts'
import type { Outcome, Request } from './protocol.ts'

/** A case that takes longer than this, on the clock, hangs. */
const HANG_SECONDS = 60
/** A second a kilobyte of input is allowed, and so much to inputs of any size (templates and patterns may take 2 s each). */
const ANY_SECONDS = 8
/** What reading a small file may take. */
const MOST_MEMORY = 1.5 * 2 ** 30
/** Heap of the reading process in megabytes. */
const HEAP = 768
const MOST_SHRINKS = 80

export interface Finding {
  target: string
  problem: string
  input: FuzzCase
  outcome: Outcome | undefined
}

export interface Tally {
  cases: number
  read: number
  refused: number
  slowestSeconds: number
  /** Of input, in the slowest case. */
  slowestBytes: number
  /** Bytes. */
  peakMemory: number
  findings: Finding[]
}

/** The process that reads, started again whenever it had to be killed. */
export class Reader {
  private child: ChildProcess | undefined
  private readonly folder = mkdtempSync(join(tmpdir(), 'bump-fuzz-cases-'))
  private cases = 0

  /** What becomes of a case; a text where the process hangs or ends. With `keep`, the files stay in that folder. */
  async read(target: string, input: FuzzCase, keep?: string): Promise<Outcome | string> {
    this.child ??= fork(fileURLToPath(new URL('./reader.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx', `--max-old-space-size=${HEAP}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'json',
    })
    const { child } = this
    const request: Request = {
      ...{ target, input, keep: keep !== undefined },
      folder: keep ?? join(this.folder, String(this.cases++)),
    }
    return new Promise((resolve) => {
      let said = ''
      const end = (outcome: Outcome | string) => {
        clearTimeout(timer)
        child.removeAllListeners()
        child.stderr?.removeAllListeners()
        if (typeof outcome === 'string') this.kill()
        resolve(outcome)
      }
      const timer = setTimeout(() => end(`it hangs: ${HANG_SECONDS} s and no end`), HANG_SECONDS * 1000)
      child.stderr?.on('data', (chunk) => {
        said = (said + chunk).slice(-2000)
      })
      child.once('message', (outcome: Outcome) => end(outcome))
      child.once('exit', (code, signal) => end(`the process ended (${signal ?? code}): ${said}`))
      child.send(request)
    })
  }

  close(): void {
    this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  private kill(): void {
    this.child?.kill('SIGKILL')
    this.child = undefined
  }
}

/** What is wrong with an outcome. */
function problemOf(outcome: Outcome | string): string | undefined {
  if (typeof outcome === 'string') return outcome
  const { problem, seconds, bytes, memory, memoryBefore } = outcome
  if (problem !== undefined) return problem
  if (seconds > Math.max(ANY_SECONDS, bytes / 1000)) return `it takes ${seconds.toFixed(1)} s for ${bytes} bytes`
  if (memory > MOST_MEMORY && memory > memoryBefore) return `it takes ${Math.round(memory / 2 ** 20)} MiB of memory`
  return undefined
}

/** Where an error was thrown: findings of one place are one finding. */
function signatureOf(problem: string): string {
  return /^\s+at .*$/m.exec(problem)?.[0].trim() ?? problem.replace(/\d[\d.]*/g, '0').slice(0, 80)
}

/** Tries cases of a target, `runs` of them, and counts them into `tally`. Ends at the first finding that is new. */
export async function hunt(target: string, seed: number, runs: number, reader: Reader, tally: Tally): Promise<void> {
  const known = new Set(tally.findings.map(({ problem }) => signatureOf(problem)))
  let found: { problem: string; input: FuzzCase; outcome: Outcome | undefined } | undefined
  let shrinks = 0
  const property = fc.asyncProperty(fuzzCase, async (input) => {
    if (found !== undefined && shrinks++ >= MOST_SHRINKS) return
    const outcome = await reader.read(target, input)
    const problem = problemOf(outcome)
    const told = typeof outcome === 'string' ? undefined : outcome
    if (found === undefined) count(tally, told)
    if (problem === undefined || known.has(signatureOf(problem))) return
    if (found !== undefined && signatureOf(found.problem) !== signatureOf(problem)) return
    found = { problem, input, outcome: told }
    throw new Error(problem)
  })
  await fc.check(property, { seed, numRuns: runs, endOnFailure: false })
  if (found !== undefined) tally.findings.push({ target, ...found })
}

export const newTally = (): Tally => ({
  ...{ cases: 0, read: 0, refused: 0, slowestSeconds: 0, slowestBytes: 0, peakMemory: 0 },
  findings: [],
})

function count(tally: Tally, outcome: Outcome | undefined): void {
  if (outcome?.result === 'unwritable') return
  tally.cases++
  if (outcome === undefined) return
  if (outcome.result === 'read') tally.read++
  if (outcome.result === 'refused') tally.refused++
  if (outcome.seconds > tally.slowestSeconds) {
    tally.slowestSeconds = outcome.seconds
    tally.slowestBytes = outcome.bytes
  }
  tally.peakMemory = Math.max(tally.peakMemory, outcome.memory)
}

/** Writes the files of a finding and what is wrong with them into a folder. */
export async function save(finding: Finding, folder: string, reader: Reader): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'finding.json'), `${JSON.stringify(finding, undefined, 2)}\n`)
  await reader.read(finding.target, finding.input, join(folder, 'files'))
}
