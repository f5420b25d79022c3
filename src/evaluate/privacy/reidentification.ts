// The attack that finds a person by a profile: among many people's interactions, whose are they? It is what the reward
// asks for, so a better profile is easier to find its person by (docs/method.md §11).
import type { Judge } from '../../judge/types.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { CancelledError } from '../../util/errors.ts'
import { mean } from '../../util/stats.ts'
import { recallAtOneFromScores, recallFromScores, reciprocalRankFromScores } from '../measure/rank-metrics.ts'
import type { ProfileCondition } from '../profiles/conditions.ts'
import type { ResultMetric } from '../result.ts'
import type { MeasuredCondition } from '../user-table.ts'

export interface ReidentificationOptions {
  /** [person] whose profile the mismatched control gives away; that person is in no list of this one. */
  mismatch: readonly number[]
  signal?: AbortSignal
  /** Called after each profile. */
  onProgress?: (done: number, total: number) => void
}

/** Risks are lower where less is found. `people`: how many each profile is looked for among. */
export function reidentificationMetrics(people: number): ResultMetric[] {
  let harmonic = 0
  for (let rank = 1; rank <= people; rank++) harmonic += 1 / rank
  const metric = (key: string, label: string, chance: number) => ({ key, label, higherIsBetter: false, chance })
  return [
    metric('recall1', 'recall@1', 1 / people),
    ...(people > 10 ? [metric('recall10', 'recall@10', 10 / people)] : []),
    metric('mrr', 'MRR', harmonic / people),
  ]
}

/**
 * Each profile's person among all people but one, who are ranked by the mean of the judge's scores of their texts.
 * `texts`: [person][text], at least one each. An empty profile tells nothing: all tie. Throws what the judge throws,
 * CancelledError where the signal aborts.
 */
export async function reidentify(
  texts: readonly (readonly string[])[],
  conditions: readonly ProfileCondition[],
  judge: Judge,
  { mismatch, signal, onProgress }: ReidentificationOptions,
): Promise<MeasuredCondition[]> {
  const total = conditions.length * texts.length
  let done = 0
  const measured: MeasuredCondition[] = []
  for (const { key, label, profiles, mismatched } of conditions) {
    const values: Record<'recall1' | 'recall10' | 'mrr', number[]> = { recall1: [], recall10: [], mrr: [] }
    for (const person of texts.keys()) {
      if (signal?.aborted) throw new CancelledError()
      const candidates = [...texts.keys()].filter((other) => other !== mismatch[person])
      const profile = profiles[mismatched ? mismatch[person] : person]
      const scores = await personScores(
        profile,
        candidates.map((candidate) => texts[candidate]),
        judge,
        signal,
      )
      const relevant = candidates.map((candidate) => candidate === person)
      values.recall1.push(recallAtOneFromScores(scores, relevant))
      values.recall10.push(recallFromScores(10, scores, relevant))
      values.mrr.push(reciprocalRankFromScores(scores, relevant))
      onProgress?.(++done, total)
    }
    measured.push({ condition: key, label, values })
  }
  return measured
}

async function personScores(
  profile: string,
  people: readonly (readonly string[])[],
  judge: Judge,
  signal?: AbortSignal,
): Promise<number[]> {
  if (isEmptyProfile(profile)) return people.map(() => 0)
  const candidates = [...new Set(people.flat())]
  const { forward } = await judge.score(
    { forward: [{ query: profile, candidates, seed: 0 }], backward: [] },
    { signal },
  )
  const scores = new Map(candidates.map((text, i) => [text, forward[0][0][i]]))
  return people.map((own) => mean(own.map((text) => scores.get(text)!)))
}
