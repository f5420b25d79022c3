// One process per folder of results: a lock file with the process's id, which a killed process leaves behind
// harmlessly.
import { mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { BumpError } from './errors.ts'

const held = new Set<string>()
/** Others that take the same lock over at the same time are waited for. */
const ATTEMPTS = 500

/**
 * Takes the lock of a folder, which is made where it is not there, and returns its release, which takes a folder away
 * again that was made here and is still empty. `what` is what another folder would be given as, such as 'out folder'. Throws BumpError where a
 * running process holds the lock; that of a process that is gone is taken over.
 */
export function lockFolder(folder: string, what: string): () => void {
  const made = mkdirSync(folder, { recursive: true })
  const path = join(folder, 'lock')
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }), { flag: 'wx' })
      held.add(path)
      return () => {
        held.delete(path)
        rmSync(path, { force: true })
        if (made !== undefined) removeEmpty(resolve(folder), resolve(made))
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > ATTEMPTS) throw error
    }
    const holder = readHolder(path)
    if (holder && isRunning(holder, path))
      throw new BumpError(
        'run-locked',
        `${folder} is in use by process ${holder.pid}. Wait for it, stop it, or give this one another ${what}.`,
      )
    removeStale(path)
  }
}

/** A guard that is older was left behind by a killed process: what it guards takes no time. */
const STALE_GUARD_MS = 5000

/**
 * Removes a lock whose holder is gone. Of several processes that saw it one removes it, and looks again before: the lock
 * of one that was quicker stays.
 */
function removeStale(path: string): void {
  const guard = `${path}.guard`
  try {
    mkdirSync(guard)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const made = statSync(guard, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Date.now() - made > STALE_GUARD_MS) rmSync(guard, { recursive: true, force: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    return
  }
  try {
    const holder = readHolder(path)
    if (!(holder && isRunning(holder, path))) rmSync(path, { force: true })
  } finally {
    rmSync(guard, { recursive: true, force: true })
  }
}

/** Removes empty folders from `folder` up to `top`. */
function removeEmpty(folder: string, top: string): void {
  try {
    rmdirSync(folder)
  } catch {
    return
  }
  if (folder !== top) removeEmpty(dirname(folder), top)
}

interface Holder {
  pid: number
  started: string | null
}

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return typeof pid === 'number' ? { pid, started: started ?? null } : undefined
  } catch {
    return undefined
  }
}

/** Ids are given again to later processes (in a restarted container nearly always), so the start time counts too. */
function isRunning({ pid, started }: Holder, path: string): boolean {
  if (pid === process.pid) return held.has(path)
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return started === startOf(pid)
}

/** The kernel's start time of a process where /proc tells it, else null. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name in parentheses may hold spaces; start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
