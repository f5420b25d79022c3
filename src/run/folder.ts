// The folder of a run, as the process that trains holds it. Whatever moment that process is killed at, what is there is
// whole, and a resumed run goes on from the last checkpoint.
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'
import { refuseForgotten } from './forget.ts'
import type { LoopState, RunHeader, RunUsers } from './format.ts'
import { checkpointPath, checkpointSteps, readLoopState, readRunHeader } from './read.ts'
import { refuseChanges } from './same-run.ts'
import { type MappingParts, rememberExpressions } from './trust.ts'

/** Logs that grow with the run; a checkpoint knows how long each of them was. */
const LOGS = { grpo: ['metrics.jsonl', 'rollouts.jsonl'], sft: ['metrics.jsonl'] } as const
export type LogName = (typeof LOGS)[keyof typeof LOGS][number]

/** A run folder held by this process. */
export class RunFolder {
  private constructor(
    readonly path: string,
    private readonly logs: readonly LogName[],
    private readonly release: () => void,
  ) {}

  /**
   * Starts a run in `path`, or with `resume` goes on with the one there, if any. Throws BumpError where a run is there
   * and `resume` is not set, where its config, model or data differ, where people were taken out of it, and where
   * another process has it.
   */
  static open(path: string, header: RunHeader, resume: boolean): RunFolder {
    const configPath = join(path, 'config.json')
    if (!resume && existsSync(configPath))
      throw new BumpError(
        'run-unusable',
        `${path} already holds a run. Go on with it by resuming, or give this one another name.`,
      )
    try {
      mkdirSync(join(path, 'checkpoints'), { recursive: true })
    } catch (cause) {
      throw new BumpError('run-unusable', `${path}: the run's folder cannot be made (${(cause as Error).message}).`, {
        cause,
      })
    }
    const release = lockFolder(path, 'name')
    try {
      const folder = new RunFolder(path, LOGS[header.kind ?? 'grpo'], release)
      refuseForgotten(path)
      if (existsSync(configPath)) refuseChanges(path, readRunHeader(path), header)
      else writeFileAtomic(configPath, `${JSON.stringify(header, undefined, 2)}\n`)
      folder.removeRemains()
      rememberExpressions((header.config.logs ?? {}) as MappingParts)
      return folder
    } catch (error) {
      release()
      throw error
    }
  }

  /** The last complete checkpoint's state. Also cuts the logs back to it, or empties them where there is none. */
  restore(): LoopState | undefined {
    const step = checkpointSteps(this.path).at(-1)
    const state = step === undefined ? undefined : readLoopState(this.path, step)
    for (const log of this.logs) {
      const file = join(this.path, log)
      const bytes = state?.bytes[log] ?? 0
      if (!existsSync(file)) writeFileAtomic(file, '')
      if (statSync(file).size < bytes)
        throw new BumpError(
          'run-unusable',
          `${file} is shorter than when checkpoint step-${step} was written: it was changed. This run cannot be resumed.`,
        )
      truncateSync(file, bytes)
    }
    return state
  }

  /** Appends whole lines to a log. */
  append(log: LogName, records: readonly object[]): void {
    appendFileSync(join(this.path, log), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  }

  /** Sizes of the logs now, as a checkpoint records them. */
  bytes(): LoopState['bytes'] {
    return Object.fromEntries(this.logs.map((log) => [log, statSync(join(this.path, log)).size]))
  }

  /**
   * Makes checkpoints/step-N complete at once: written beside and renamed. Where step N already has one, the weights
   * are those and only the state is written. Older checkpoints are removed, except the last two and the best.
   */
  async checkpoint(state: LoopState, saveModel: (folder: string) => Promise<void>): Promise<void> {
    const folder = checkpointPath(this.path, state.step)
    if (existsSync(folder)) writeLoopState(folder, state)
    else {
      const beside = `${folder}.tmp`
      rmSync(beside, { recursive: true, force: true })
      mkdirSync(beside, { recursive: true })
      await saveModel(beside)
      writeLoopState(beside, state)
      renameSync(beside, folder)
    }
    const steps = checkpointSteps(this.path)
    for (const step of steps.slice(0, -2)) if (step !== state.best?.step) this.remove(step)
  }

  /** Writes a file of the run's results whole. */
  write(name: 'summary.json' | 'profiles.jsonl', content: string): void {
    writeFileAtomic(join(this.path, name), content)
  }

  /** Writes users.json, unless it is there: a resumed run has the same users. */
  writeUsers(users: RunUsers): void {
    const path = join(this.path, 'users.json')
    if (!existsSync(path)) writeFileAtomic(path, `${JSON.stringify(users)}\n`)
  }

  /** Makes a folder of the run's results complete at once, in place of one that is there. */
  async writeFolder(name: 'adapter', save: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(this.path, name)
    const beside = `${folder}.tmp`
    await save(beside)
    rmSync(folder, { recursive: true, force: true })
    renameSync(beside, folder)
  }

  /** Gives the folder free for other processes. */
  close(): void {
    this.release()
  }

  /** A half-deleted checkpoint must not look like one: it loses its name first. */
  private remove(step: number): void {
    const doomed = `${checkpointPath(this.path, step)}.old.tmp`
    renameSync(checkpointPath(this.path, step), doomed)
    rmSync(doomed, { recursive: true, force: true })
  }

  private removeRemains(): void {
    for (const folder of [this.path, join(this.path, 'checkpoints')])
      for (const name of readdirSync(folder))
        if (name.endsWith('.tmp')) rmSync(join(folder, name), { recursive: true, force: true })
  }
}

function writeLoopState(folder: string, state: LoopState): void {
  writeFileAtomic(join(folder, 'loop.json'), `${JSON.stringify(state, undefined, 2)}\n`)
}
