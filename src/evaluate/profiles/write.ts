// The files of an evaluation of profiles: result.json for the report, users.jsonl with a quality number for every
// profile.
import { join } from 'node:path'
import type { PoolUser } from '../../reward/pools.ts'
import { writeFileAtomic } from '../../util/files.ts'
import type { EvaluationResult } from '../result.ts'
import { writeResult } from '../write-result.ts'
import type { ProfileCondition } from './conditions.ts'
import type { PoolSizeScores, UserScores } from './judging.ts'

/**
 * A line of users.jsonl for each user: by condition the judged profile (and for the mismatched control, whose it is)
 * with its scores by pool size. `quality` is the gain over chance, mean of both directions, in the smallest pools. Both
 * are of the first judge; where there are several, `judges` has them of each.
 */
export function userRecords(
  users: readonly PoolUser[],
  conditions: readonly ProfileCondition[],
  judged: readonly { judge: string; sizes: readonly PoolSizeScores[] }[],
  mismatch: readonly number[],
): object[] {
  const scoresOf = (sizes: readonly PoolSizeScores[], c: number, u: number) => ({
    quality: quality(sizes[0].scores[c][u]),
    pools: Object.fromEntries(sizes.map(({ negatives, scores }) => [negatives, scores[c][u]])),
  })
  return users.map(({ id }, u) => ({
    user: id,
    conditions: Object.fromEntries(
      conditions.map(({ key, profiles, mismatched }, c) => [
        key,
        {
          profile: profiles[mismatched ? mismatch[u] : u],
          ...(mismatched ? { of: users[mismatch[u]].id } : {}),
          ...scoresOf(judged[0].sizes, c, u),
          ...(judged.length > 1
            ? { judges: Object.fromEntries(judged.map(({ judge, sizes }) => [judge, scoresOf(sizes, c, u)])) }
            : {}),
        },
      ]),
    ),
  }))
}

function quality({ forward, backward }: UserScores): number {
  return (forward.gain + backward.gain) / 2
}

/** Writes result.json and users.jsonl into `folder`. */
export function writeProfileResult(folder: string, result: EvaluationResult, users: readonly object[]): void {
  writeFileAtomic(join(folder, 'users.jsonl'), users.map((user) => `${JSON.stringify(user)}\n`).join(''))
  writeResult(folder, result)
}
