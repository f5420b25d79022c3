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
    if (typeof holder === 'object' && isRunning(holder, path))
      throw new BumpError(
        'run-locked',
        `${folder} is in use by process ${holder.pid}. Wait for it, stop it, or give this one another ${what}.`,
      )
    if (!removeStale(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
}

/** A guard, or a lock without a holder, that is older was left behind by a killed process: to write either takes no time. */
const STALE_MS = 5000

/**
 * Removes a lock whose holder is gone, and says whether it did. Of several processes that saw it one removes it, and looks again before: the lock
 * of one that was quicker stays, also where it is not yet written.
 */
function removeStale(path: string): boolean {
  const guard = `${path}.guard`
  try {
    mkdirSync(guard)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (isOld(guard)) rmSync(guard, { recursive: true, force: true })
    return false
  }
  try {
    const holder = readHolder(path)
    const stale = holder === 'unreadable' ? isOld(path) : holder !== undefined && !isRunning(holder, path)
    if (stale) rmSync(path, { force: true })
    return stale
  } finally {
    rmSync(guard, { recursive: true, force: true })
  }
}

function isOld(path: string): boolean {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return made !== undefined && Date.now() - made > STALE_MS
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

/** The holder that a lock names; 'unreadable' where it is not (yet) written, undefined where there is no lock. */
function readHolder(path: string): Holder | 'unreadable' | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return typeof pid === 'number' ? { pid, started: started ?? null } : 'unreadable'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'unreadable'
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

/** The kernel's start time of a process where /proc tells it, else null; also of one that ended and was not yet reaped. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command's name in parentheses may hold spaces; start time is the 20th field after it.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ['Z', 'X'].includes(state) ? null : (fields[18] ?? null)
  } catch {
    return null
  }
}
