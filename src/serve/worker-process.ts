// The worker of a server, in a process of its own: a model that runs out of memory does not take the API with it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { Logger } from 'pino'
import type { ServerMetrics } from './metrics.ts'
import type { WorkerEvent } from './worker/worker.ts'

/** What a worker says before its work, with its id, and while it works. */
type Message = { type: 'ready'; worker: string } | WorkerEvent

/** The program of `bump` and the arguments of its command `worker`. */
export interface WorkerProgram {
  program: string
  args: string[]
}

/** Seconds until a worker that died is started again, twice as long each time. */
const FIRST_PAUSE = 1
const LONGEST_PAUSE = 60
/** Milliseconds that it may take to give back what it is at. */
const PATIENCE = 10_000
/** Behind the API, as `nice`. */
const PRIORITY = 10

/**
 * Lets the other processes of this machine go before one. A process with a group of its own has an autogroup of its own
 * under Linux, too, which gets as much of the processor as all others of the server together, however nice its processes.
 */
function standBehind(pid: number): void {
  setPriority(pid, PRIORITY)
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${PRIORITY}`)
  } catch {
    // Another system, or a kernel without autogroups.
  }
}

export class WorkerProcess {
  /** Resolves where the worker ended before it was ready, as with a model that is not there: starting it is no use. */
  readonly failed: Promise<void>
  private child: ChildProcess | undefined
  /** Id of the present worker; undefined before it is ready. */
  private worker: string | undefined
  private fail: () => void = () => {}
  private givenBack = Promise.resolve()
  private timer: NodeJS.Timeout | undefined
  private stopping = false
  private everReady = false
  private pause = FIRST_PAUSE

  /** `giveBack`: gives back what the worker of this id was at when it died. */
  constructor(
    private readonly what: WorkerProgram,
    private readonly log: Logger,
    private readonly metrics: ServerMetrics,
    private readonly giveBack: (worker: string) => Promise<void>,
  ) {
    this.failed = new Promise((resolve) => {
      this.fail = resolve
    })
    this.start()
  }

  /** Ends the worker, which gives back what it is at. */
  async stop(): Promise<void> {
    this.stopping = true
    clearTimeout(this.timer)
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return await this.givenBack
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    child.kill('SIGTERM')
    await once(child, 'exit')
    clearTimeout(timer)
    await this.givenBack
  }

  private start(): void {
    // A group of its own: Ctrl-C is the server's to pass on.
    const child = fork(this.what.program, this.what.args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.child = child
    child.on('message', (message: Message) => this.heard(message))
    child.on('spawn', () => standBehind(child.pid!))
    child.on('exit', (code, signal) => this.ended(code, signal))
  }

  private heard(message: Message): void {
    if (message.type === 'ready') {
      this.worker = message.worker
      this.everReady = true
      this.pause = FIRST_PAUSE
    } else if (message.type === 'refreshed') {
      const { reason, result, difference, seconds } = message
      this.metrics.refreshes.inc({ reason, result })
      this.metrics.refreshSeconds.observe(seconds)
      if (difference !== undefined) this.metrics.gateDelta.observe(difference)
      this.log.info({ reason, result, difference, seconds }, 'refreshed')
    } else this.log.info(message, 'worker')
  }

  private ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.givenBack = this.giveBackWork()
    if (this.stopping) return
    if (!this.everReady && code !== null) {
      this.fail()
      return
    }
    this.log.error({ code, signal, seconds: this.pause }, 'the worker died; it is started again')
    this.timer = setTimeout(() => this.start(), this.pause * 1000)
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE)
  }

  private async giveBackWork(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    if (worker === undefined) return
    try {
      await this.giveBack(worker)
    } catch {
      this.log.error('the store could not be asked: what the worker was at is due again when its claims end')
    }
  }
}
