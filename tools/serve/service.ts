// `bump` as people start it: processes of the built program, and requests to them.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { NANO_WORDING } from '../../src/generator/prompt.ts'

const BUMP = fileURLToPath(new URL('../../bin/bump.mjs', import.meta.url))
/** The bundled model and how it is asked, as flags. */
export const NANO = [
  ...['--model', fileURLToPath(new URL('../../assets/nano', import.meta.url)), '--max-tokens', '56'],
  ...['--system', NANO_WORDING.system, '--instruction', NANO_WORDING.instruction],
]
/** Milliseconds until a server or a worker is ready, on a busy machine. */
const START = 120_000

/** Runs a command of bump to its end, and gives what it printed. Throws where it fails. */
export function bump(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [BUMP, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`bump ${args.join(' ')} failed:\n${stderr}`))
      else resolve(stdout)
    })
  })
}

/** A process of bump that goes on until it is told to end. */
export class Running {
  stdout = ''
  stderr = ''
  private static readonly all = new Set<Running>()
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>

  private constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (bytes) => {
      this.stdout += bytes
    })
    child.stderr!.on('data', (bytes) => {
      this.stderr += bytes
    })
    Running.all.add(this)
    this.ended = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        Running.all.delete(this)
        resolve({ code, signal })
      }),
    )
  }

  /** Kills those that a check which broke off left behind. */
  static async killLeft(): Promise<void> {
    await Promise.all([...Running.all].map((running) => running.kill()))
  }

  /** `bump serve` on a free port, when it answers. `through`: a program that starts it. */
  static async serve(db: string, args: string[] = [], through: string[] = []): Promise<Running> {
    const service = Running.start(['serve', '--db', db, '--port', '0', ...args], through)
    await service.when(() => service.stdout.includes('\n'))
    return service
  }

  /** `bump worker` with the bundled model, when it has begun to work. */
  static async worker(db: string, args: string[] = []): Promise<Running> {
    const worker = Running.start(['worker', '--db', db, ...NANO, ...args])
    await worker.when(() => worker.stderr.includes('writing profiles of'))
    return worker
  }

  private static start(args: string[], through: string[] = []): Running {
    const [program, ...rest] = [...through, process.execPath, BUMP, ...args]
    return new Running(spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  /** Of a server. */
  get address(): string {
    return this.stdout.slice(0, this.stdout.indexOf('\n'))
  }

  /** Kills it at once, with what it started. */
  async kill(): Promise<void> {
    const children = await childrenOf(this.child.pid!)
    this.child.kill('SIGKILL')
    await this.ended
    for (const pid of children) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {}
    }
  }

  /** Tells it to end, and waits for that. */
  async end(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return (await this.ended).code
  }

  private async when(ready: () => boolean): Promise<void> {
    await until(() => ready() || this.child.exitCode !== null || this.child.signalCode !== null, START)
    if (!ready()) throw new Error(`it ended before it was ready:\n${this.stderr}`)
  }
}

/** Ids of the processes that a process started. */
export function childrenOf(pid: number): Promise<number[]> {
  return new Promise((resolve) => {
    // Its exit code says whether there are any.
    execFile('pgrep', ['-P', String(pid)], (_, stdout) => resolve(stdout.split('\n').filter(Boolean).map(Number)))
  })
}

export interface Said {
  status: number
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: checks say themselves what they expect of an answer
  json: any
}

/** Requests with a key; a body is sent as JSON. */
export function client(address: string, key: string) {
  return async (method: string, path: string, body?: unknown): Promise<Said> => {
    const response = await fetch(`${address}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {}
    return { status: response.status, text, json }
  }
}

export const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** Waits until it is so. Throws where that takes too long. */
export async function until(so: () => boolean | Promise<boolean>, longest = 300_000): Promise<void> {
  const end = Date.now() + longest
  while (!(await so())) {
    if (Date.now() > end) throw new Error(`it did not happen within ${longest / 1000} s: ${so}`)
    await pause(50)
  }
}
