// Reads run folders, whoever wrote them: a run under way, an interrupted one, one from another machine. Nothing of it
// is trusted before its schema (format.ts) has accepted it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../util/errors.ts'
import { parseJson } from '../util/parse-json.ts'
import {
  type LoopState,
  loopStateSchema,
  type ProfileLine,
  profileLineSchema,
  type RunHeader,
  type RunUsers,
  runHeaderSchema,
  runUsersSchema,
  type Summary,
  summarySchema,
} from './format.ts'

/** config.json of a run. Throws BumpError where there is none or it cannot be read. */
export function readRunHeader(run: string): RunHeader {
  const path = join(run, 'config.json')
  if (!existsSync(path)) throw new BumpError('run-unusable', `${run} is no run folder: it has no config.json.`)
  const header = parsed(runHeaderSchema, path)
  if (header) return header
  throw new BumpError(
    'run-unusable',
    parsed(z.looseObject({ config: z.unknown() }), path)
      ? `${path} was written by another version of bump: train the run anew.`
      : `${path} is damaged: it is not what bump writes. Start the run anew.`,
  )
}

/** config.json of a profile generator's run. Throws BumpError where there is none, or it is a run of bump sft. */
export function readGeneratorHeader(run: string): RunHeader {
  const header = readRunHeader(run)
  if (header.kind === undefined) return header
  throw new BumpError(
    'run-unusable',
    `${run} is a run of ${commandOf(header)}: a task backbone, which writes no profiles. Name a run of bump train.`,
  )
}

/** Whether a folder is a run: its config.json says so. */
export function isRunFolder(folder: string): boolean {
  return parsed(runHeaderSchema, join(folder, 'config.json')) !== undefined
}

/**
 * Who the run trained on, chose its checkpoint by and was tested on. Throws BumpError where users.json cannot be read.
 */
export function readRunUsers(run: string): RunUsers {
  const path = join(run, 'users.json')
  const users = existsSync(path) ? parsed(runUsersSchema, path) : undefined
  if (users) return users
  throw new BumpError(
    'run-unusable',
    `${path} is missing or damaged: it says who the run was trained on. ${commandOf(readRunHeader(run))} --resume writes it anew once it is removed.`,
  )
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

/** The loop's state at a checkpoint. Throws BumpError where it is damaged. */
export function readLoopState(run: string, step: number): LoopState {
  const path = join(checkpointPath(run, step), 'loop.json')
  const state = parsed(loopStateSchema, path)
  if (state) return state
  throw new BumpError(
    'run-unusable',
    `${path} is damaged. Remove the folder ${checkpointPath(run, step)} to go on from the one before.`,
  )
}

/**
 * summary.json of a profile generator's run; undefined where it is not finished. Throws BumpError where it is damaged.
 */
export function readSummary(run: string): Summary | undefined {
  return readFinished(run, summarySchema)
}

/**
 * summary.json by the schema of its kind; undefined where the run is not finished. Throws BumpError where it is
 * damaged.
 */
export function readFinished<S extends z.ZodType>(run: string, schema: S): z.infer<S> | undefined {
  const path = join(run, 'summary.json')
  if (!existsSync(path)) return undefined
  const summary = parsed(schema, path)
  if (summary) return summary
  throw new BumpError('run-unusable', `${path} is damaged. Remove it and train the run again with --resume.`)
}

/** profiles.jsonl of a finished run, in the order of its test users. Throws BumpError where it cannot be read. */
export function readProfileLines(run: string): ProfileLine[] {
  const path = join(run, 'profiles.jsonl')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  try {
    if (lines.length > 0) return lines.map((line) => profileLineSchema.parse(parseJson(line)))
  } catch {}
  throw new BumpError(
    'run-unusable',
    `${path} is missing or damaged. Remove ${join(run, 'summary.json')} and train the run again with --resume.`,
  )
}

/** The command that writes runs of this kind. */
export function commandOf({ kind }: Pick<RunHeader, 'kind'>): string {
  return kind === 'sft' ? 'bump sft' : 'bump train'
}

function parsed<S extends z.ZodType>(schema: S, path: string): z.infer<S> | undefined {
  try {
    return schema.safeParse(parseJson(readFileSync(path, 'utf8'))).data
  } catch {
    return undefined
  }
}
