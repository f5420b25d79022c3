// One server as a process of this machine: started, waited for, killed with all that it started.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, openSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { dirname } from 'node:path'

export interface Command {
  command: string
  args: string[]
  cwd?: string
  env?: Record<string, string>
  /** Answers 200 once the server does. */
  health: string
}

export class ServerProcess {
  private child: ChildProcess | undefined

  /** `log`: file that gets what the server prints. */
  constructor(private readonly log: string) {}

  /** Ends when the server answers. Throws where it ends itself, or is silent for ten minutes. */
  async start({ command, args, cwd, env, health }: Command): Promise<void> {
    mkdirSync(dirname(this.log), { recursive: true })
    const log = openSync(this.log, 'a')
    // A group of its own, so that its engines can be killed with it.
    const options = { cwd, env: { ...process.env, ...env }, detached: true } as const
    this.child = spawn(command, args, { ...options, stdio: ['ignore', log, log] })
    for (const deadline = Date.now() + 600_000; Date.now() < deadline; ) {
      if (this.child.exitCode !== null) break
      const healthy = await fetch(health).then(
        ({ ok }) => ok,
        () => false,
      )
      if (healthy) return
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    throw new Error(`the server does not answer: look at ${this.log}`)
  }

  /** kill -9 of the server and its engines. */
  async kill(): Promise<void> {
    const { child } = this
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    process.kill(-child.pid, 'SIGKILL')
    await ended
  }
}

/** A port that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
