// The end of a run: the best checkpoint against the zero-shot model on the test users, who took no part in any choice.

import type { DirectionIntervals, Measurement } from './measure.ts'
import type { RunHeader } from './run-folder.ts'

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

/** Peak resident memory of this process. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

/** Lines of profiles.jsonl: each test user's profile before and after, with their NDCG. */
export function profileRecords(before: Measurement, after: Measurement): string {
  const side = (measurement: Measurement, u: number) => ({
    profile: measurement.profiles[u],
    tokens: measurement.lengths[u],
    forward: measurement.users[u].forward,
    backward: measurement.users[u].backward,
  })
  return before.users
    .map(({ id }, u) => `${JSON.stringify({ user: id, before: side(before, u), after: side(after, u) })}\n`)
    .join('')
}
