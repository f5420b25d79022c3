// The folder of a run: config.json, users.json, metrics.jsonl, rollouts.jsonl, checkpoints/step-N and summary.json.
// Whatever moment the process is killed at, what is there is whole, and a resumed run goes on from the last checkpoint.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'

const USERS = 'users.json'
/** Logs that grow with the run; a checkpoint knows how long each of them was. */
const LOGS = { grpo: ['metrics.jsonl', 'rollouts.jsonl'], sft: ['metrics.jsonl'] } as const
export type LogName = (typeof LOGS)[keyof typeof LOGS][number]

const loopStateSchema = z.object({
  /** Complete training steps. */
  step: z.number(),
  /** Step of the last validation; -1 before the first. */
  validatedAt: z.number(),
  best: z.object({ step: z.number(), score: z.number() }).nullable(),
  /** Validations since the best one. */
  worse: z.number(),
  /** Tokens of prompts and completions so far. */
  tokens: z.number(),
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: z.record(z.string(), z.number()),
  /** Bytes of each log at this state. */
  bytes: z.record(z.string(), z.number()),
})

/** Where the loop stands. Random numbers need no state: they derive from (seed, step, user, rollout). */
export type LoopState = z.infer<typeof loopStateSchema>

/** What config.json records; a resumed run must agree with all of it but `package`. */
export interface RunHeader {
  /** `sft`: a task backbone adapted by bump sft; absent: a profile generator trained by bump train. */
  kind?: 'sft'
  config: Record<string, unknown>
  package: { name: string; version: string }
  model: Record<string, unknown>
  /** The judge of a profile generator's run. */
  judge?: Record<string, unknown>
  /** What decides the reward besides config and judge, where it is not the bidirectional one. */
  reward?: Record<string, unknown>
  data: Record<string, unknown>
}

const runUsersSchema = z.object({
  train: z.array(z.string()),
  validation: z.array(z.string()),
  test: z.array(z.string()),
})

/** users.json: ids of the users of each part, in the run's order. */
export type RunUsers = z.infer<typeof runUsersSchema>

/** A run folder held by this process. */
export class RunFolder {
  private constructor(
    readonly path: string,
    private readonly logs: readonly LogName[],
    private readonly release: () => void,
  ) {}

  /**
   * Starts a run in `path`, or with `resume` goes on with the one there, if any. Throws BumpError where a run is there
   * and `resume` is not set, where its config, model or data differ, and where another process has it. `complete` puts
   * a stored config into today's form.
   */
  static open(
    path: string,
    header: RunHeader,
    resume: boolean,
    complete: (config: Record<string, unknown>) => Record<string, unknown> = (config) => config,
  ): RunFolder {
    const configPath = join(path, 'config.json')
    if (!resume && existsSync(configPath))
      throw new BumpError(
        'run-unusable',
        `${path} already holds a run. Go on with it by --resume, or give this one another --name.`,
      )
    try {
      mkdirSync(join(path, 'checkpoints'), { recursive: true })
    } catch (cause) {
      throw new BumpError('run-unusable', `${path}: the run's folder cannot be made (${(cause as Error).message}).`, {
        cause,
      })
    }
    const release = lockFolder(path, '--name')
    try {
      const folder = new RunFolder(path, LOGS[header.kind ?? 'grpo'], release)
      if (existsSync(configPath)) {
        const stored = readRunHeader(path)
        refuseChanges(path, { ...stored, config: complete(stored.config) }, header)
      } else writeFileAtomic(configPath, `${JSON.stringify(header, undefined, 2)}\n`)
      folder.removeRemains()
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
    const path = join(this.path, USERS)
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

/** Folder of a checkpoint: what the model's loadState reads. */
export function checkpointPath(run: string, step: number): string {
  return join(run, 'checkpoints', `step-${step}`)
}

/** Steps that have a complete checkpoint, ascending. */
export function checkpointSteps(run: string): number[] {
  const folder = join(run, 'checkpoints')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((name) => (/^step-\d+$/.test(name) ? [Number(name.slice(5))] : []))
    .sort((a, b) => a - b)
}

/** The best checkpoint's step, as the last complete checkpoint knows it. Throws BumpError where the run has none. */
export function bestCheckpoint(run: string): number {
  const last = checkpointSteps(run).at(-1)
  if (last === undefined)
    throw new BumpError(
      'run-unusable',
      `${run} has no checkpoint yet. Train it (again) with: ${commandOf(readRunHeader(run))} --resume`,
    )
  return readLoopState(run, last).best?.step ?? last
}

/** config.json of a run. Throws BumpError where there is none or it cannot be read. */
export function readRunHeader(run: string): RunHeader {
  const path = join(run, 'config.json')
  if (!existsSync(path)) throw new BumpError('run-unusable', `${run} is no run folder: it has no config.json.`)
  try {
    const header = JSON.parse(readFileSync(path, 'utf8')) as RunHeader
    if (typeof header.config === 'object' && header.config !== null) return header
  } catch {}
  throw new BumpError('run-unusable', `${path} is damaged: it is not what bump train writes. Start the run anew.`)
}

/**
 * Who the run trained on, chose its checkpoint by and was tested on. Undefined where the folder says nothing of it.
 * Throws BumpError where users.json is damaged.
 */
export function readRunUsers(run: string): RunUsers | undefined {
  const path = join(run, USERS)
  if (!existsSync(path)) return undefined
  try {
    return runUsersSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BumpError(
      'run-unusable',
      `${path} is damaged: it is not what bump train writes. bump train --resume writes it anew once it is removed.`,
      {
        cause,
      },
    )
  }
}

function readLoopState(run: string, step: number): LoopState {
  const path = join(checkpointPath(run, step), 'loop.json')
  try {
    return loopStateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BumpError(
      'run-unusable',
      `${path} is damaged. Remove the folder ${checkpointPath(run, step)} to go on from the one before.`,
      { cause },
    )
  }
}

function writeLoopState(folder: string, state: LoopState): void {
  writeFileAtomic(join(folder, 'loop.json'), `${JSON.stringify(state, undefined, 2)}\n`)
}

/** Throws BumpError where the run at `path` was started with another config or other data (by their digest). */
export function checkSameRun(path: string, config: Record<string, unknown>, data: string): void {
  const stored = readRunHeader(path)
  refuseChanges(path, stored, { ...stored, config, data: { ...stored.data, digest: data } })
}

function refuseChanges(path: string, stored: RunHeader, now: RunHeader): void {
  if (stored.kind !== now.kind)
    throw new BumpError('invalid-options', `${path} is a run of ${commandOf(stored)}. Give this one another --name.`)
  const changed = (['config', 'model', 'judge', 'reward', 'data'] as const).flatMap((part) =>
    differences(part === 'config' ? [] : [part], stored[part], now[part]),
  )
  if (changed.length === 0) return
  throw new BumpError(
    'invalid-options',
    `${path} was started with other settings than these, so it cannot go on:\n${changed.join('\n')}\nResume with what it was started with, or start another run with --name.`,
  )
}

/** The command that writes runs of this kind. */
function commandOf({ kind }: RunHeader): string {
  return kind === 'sft' ? 'bump sft' : 'bump train'
}

/** Lines for every leaf in which two JSON values differ. */
function differences(path: readonly string[], stored: unknown, now: unknown): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (isObject(stored) && isObject(now)) {
    const keys = new Set([...Object.keys(stored), ...Object.keys(now)])
    return [...keys].flatMap((key) => differences([...path, key], stored[key], now[key]))
  }
  const show = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value))
  return show(stored) === show(now) ? [] : [`  ${path.join('.')}: ${show(stored)} then, ${show(now)} now`]
}
