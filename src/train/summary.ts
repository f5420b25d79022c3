// The end of a run: the best checkpoint against the zero-shot model on the test users, who took no part in any choice.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { TaskComparison } from '../reward/reward.ts'
import type { RunHeader } from '../run/folder.ts'
import { BumpError } from '../util/errors.ts'
import type { DirectionIntervals, Measurement } from './measure.ts'

/** summary.json. */
export interface Summary {
  /** Zero-shot profiles of the frozen base. */
  before: DirectionIntervals
  /** Profiles of the best checkpoint. */
  after: DirectionIntervals
  /** after − before, paired by user. */
  difference: DirectionIntervals
  controls: {
    /** The raw history in the profile's place. */
    history: DirectionIntervals
    /** After, with every user given another user's profile: must be at chance. */
    mismatched: DirectionIntervals | null
  }
  /** The task's own metrics, where the reward was a task's metric and the test users have questions of it. */
  task?: TaskComparison
  /** NDCG of a random order in the same pools. */
  chance: { forward: number; backward: number }
  /** Test users measured. */
  users: number
  /** Steps trained; fewer than configured after an early stop. */
  steps: number
  bestStep: number
  seed: number
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: Record<string, number>
  peakMemoryBytes: number
  model: RunHeader['model']
  judge: RunHeader['judge']
  data: RunHeader['data']
}

type MeasuredProfiles = Pick<Measurement, 'users' | 'profiles' | 'lengths'>

/** What of a run's final test does not depend on its training. */
export interface Baseline {
  /** Zero-shot profiles of the frozen base. */
  before: MeasuredProfiles & Pick<Measurement, 'chance'>
  /** The raw history in the profile's place. */
  history: DirectionIntervals
}

/** Peak resident memory of this process. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

/** Lines of profiles.jsonl: each test user's profile before and after, with their NDCG. */
export function profileRecords(before: MeasuredProfiles, after: MeasuredProfiles): string {
  const side = (measurement: MeasuredProfiles, u: number) => ({
    profile: measurement.profiles[u],
    tokens: measurement.lengths[u],
    forward: measurement.users[u].forward,
    backward: measurement.users[u].backward,
  })
  return before.users
    .map(({ id }, u) => `${JSON.stringify({ user: id, before: side(before, u), after: side(after, u) })}\n`)
    .join('')
}

const sideSchema = z.object({ profile: z.string(), tokens: z.number(), forward: z.number(), backward: z.number() })
const profileRecordSchema = z.object({ user: z.string(), before: sideSchema, after: sideSchema })

/** A test user's profiles with their length and NDCG. */
export type ProfileRecord = z.infer<typeof profileRecordSchema>

/** summary.json of a run; undefined where the run is not finished. Throws BumpError where it is damaged. */
export function readSummary(run: string): Summary | undefined {
  const path = join(run, 'summary.json')
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Summary
  } catch (cause) {
    throw new BumpError('training-failed', `${path} is damaged. Remove it and train the run again with --resume.`, {
      cause,
    })
  }
}

/** profiles.jsonl of a finished run, in the order of its test users. Throws BumpError where it cannot be read. */
export function readProfileRecords(run: string): ProfileRecord[] {
  const path = join(run, 'profiles.jsonl')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  try {
    if (lines.length > 0) return lines.map((line) => profileRecordSchema.parse(JSON.parse(line)))
  } catch {}
  throw new BumpError(
    'training-failed',
    `${path} is missing or damaged. Remove ${join(run, 'summary.json')} and train the run again with --resume.`,
  )
}

/** What a finished run measured before training, for runs of the same model, judge, users and budgets. */
export function readBaseline(run: string, summary: Summary): Baseline {
  const records = readProfileRecords(run)
  return {
    before: {
      users: records.map(({ user, before: { forward, backward } }) => ({ id: user, forward, backward })),
      profiles: records.map(({ before }) => before.profile),
      lengths: records.map(({ before }) => before.tokens),
      chance: summary.chance,
    },
    history: summary.controls.history,
  }
}
