// A run folder of bump train as others read it: its settings, resolved.
import { basename, join, normalize, resolve } from 'node:path'
import type { RunHeader } from '../run/format.ts'
import { readGeneratorHeader } from '../run/read.ts'
import { BumpError } from '../util/errors.ts'
import { type TrainConfig, trainConfigSchema } from './config.ts'

export interface TrainedRun {
  folder: string
  /** Last part of the folder's path; the path where another run of the call is called so too. */
  name: string
  header: RunHeader
  config: TrainConfig
}

/** Reads config.json. Throws BumpError where the folder holds no run of bump train of this version. */
export function readTrainedRun(folder: string): TrainedRun {
  const header = readGeneratorHeader(folder)
  const config = trainConfigSchema.safeParse(header.config)
  const { prompt } = header.config as { prompt?: { instruction?: unknown } }
  // Without its own wording the generator would be asked something else than in training.
  if (!config.success || typeof header.model.digest !== 'string' || prompt?.instruction === undefined)
    throw new BumpError(
      'run-unusable',
      `${join(folder, 'config.json')} was written by another version of bump: train the run anew.`,
    )
  return { folder, name: basename(normalize(folder)), header, config: config.data }
}

/** Each folder once, however it is written; runs of one name are called by their folders. Throws as `readTrainedRun`. */
export function readTrainedRuns(folders: readonly string[]): TrainedRun[] {
  const runs = [...new Map(folders.map((folder) => [resolve(folder), folder])).values()].map(readTrainedRun)
  const named = (name: string) => runs.filter((run) => run.name === name).length
  return runs.map((run) => (named(run.name) > 1 ? { ...run, name: normalize(run.folder) } : run))
}
