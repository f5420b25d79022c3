// Several judges in the place of one (docs/method.md §5). Their scores have no common scale, so what is combined is the
// NDCG that each of them gives, in reward/.
import { mean } from '../util/stats.ts'
import type { Combination } from './config.ts'
import type { Judge } from './types.ts'

/** Judges that all score the same pools. */
export interface SeveralJudges {
  readonly name: string
  describe(): Record<string, unknown>
  readonly combine: Combination
  /** By the names that metrics and summaries have for them: `judgeKeys`. */
  readonly judges: Readonly<Record<string, Judge>>
}

/** One judge, or several. */
export type AnyJudge = Judge | SeveralJudges

export function isSeveral(judge: AnyJudge): judge is SeveralJudges {
  return 'judges' in judge
}

/** Short names for judges, each by its scorer: `likelihood`, `embedding`, `likelihood2`. */
export function judgeKeys(judges: readonly { scorer: string }[]): string[] {
  return judges.map(({ scorer }, i) => {
    const before = judges.slice(0, i).filter((judge) => judge.scorer === scorer).length
    return before === 0 ? scorer : `${scorer}${before + 1}`
  })
}

/** As results call them: 'worst of likelihood and embedding'. */
export function severalName(combine: Combination, names: readonly string[]): string {
  return `${combine} of ${names.join(' and ')}`
}

export function severalJudges(combine: Combination, judges: SeveralJudges['judges']): SeveralJudges {
  const all = Object.values(judges)
  const name = severalName(
    combine,
    all.map((judge) => judge.name),
  )
  return {
    name,
    describe: () => ({ scorer: 'several', name, combine, judges: all.map((judge) => judge.describe()) }),
    combine,
    judges,
  }
}

/** One value of those that the judges gave: their mean, or the least of them. */
export function combined(combine: Combination, values: readonly number[]): number {
  return combine === 'mean' ? mean(values) : Math.min(...values)
}
