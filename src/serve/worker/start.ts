// The worker as a process of the server: it writes profiles behind what answers requests, and where it dies, for want of
// memory say, it is started again and no request notices.
import { type ChildProcess, fork } from 'node:child_process'
import { setPriority } from 'node:os'
import type { WorkerEvent } from './worker.ts'

export interface WorkerProcessOptions {
  /** Arguments of `bump worker`. */
  args: readonly string[]
  onEvent: (event: WorkerEvent) => void
  /** Lines for the operator. */
  onProblem: (line: string) => void
}

/** Of the operating system: what answers requests goes first. */
const PRIORITY = 10
/** Milliseconds before a worker that died is started again: doubling, until one lives as long as the longest. */
const FIRST_WAIT = 1000
const LONGEST_WAIT = 60_000
/** Milliseconds in which a worker gives its work back before it is ended. */
const PATIENCE = 20_000

/** Starts `bump worker` beside this process, and keeps it alive until `stop`. */
export function startWorkerProcess({ args, onEvent, onProblem }: WorkerProcessOptions): { stop(): Promise<void> } {
  let stopping = false
  let wait = FIRST_WAIT
  let timer: NodeJS.Timeout | undefined
  let child: ChildProcess
  const start = (): void => {
    const born = Date.now()
    // In a group of its own: Ctrl-C is for the server, which ends it in its turn.
    child = fork(process.argv[1], ['worker', ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
    })
    child.on('message', (event) => onEvent(event as WorkerEvent))
    child.on('spawn', () => lowered(child))
    child.on('error', (error) => onProblem(`the worker cannot be started: ${error.message}`))
    child.on('exit', (code, signal) => {
      if (stopping) return
      if (Date.now() - born > LONGEST_WAIT) wait = FIRST_WAIT
      onProblem(`the worker ended (${signal ?? code}); profiles wait, it is started again in ${wait / 1000} s`)
      timer = setTimeout(start, wait)
      wait = Math.min(2 * wait, LONGEST_WAIT)
    })
  }
  start()
  return {
    async stop() {
      stopping = true
      clearTimeout(timer)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
      await ended
      clearTimeout(late)
    },
  }
}

function lowered({ pid }: ChildProcess): void {
  try {
    setPriority(pid!, PRIORITY)
  } catch {
    // Some systems keep this to themselves; the worker is then as quick as the server.
  }
}
