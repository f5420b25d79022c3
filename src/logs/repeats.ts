// Which users may have texts that repeat each other. All others need no comparison of texts: what the split does with
// them follows from how many interactions they have.
import type { LogDatabase } from './dataset.ts'
import type { RowRange } from './users.ts'

export interface UserRows extends RowRange {
  /** False only where no two texts are equal once normalised, by either rule of normalise.ts. */
  mayRepeat: boolean
}

/**
 * A key that is equal where `duplicateKey` is, for texts of ASCII characters: what `normaliseText` folds in them is
 * letters' case and what is neither letter nor digit. A text of neither has an empty one, as many others may.
 */
const KEY = `hash(regexp_replace(lower(text), '[^a-z0-9]+', '', 'g'))`

/** All users in the order of the file, with their rows. */
export async function* userRows(dataset: LogDatabase): AsyncGenerator<UserRows> {
  const users = dataset.rows(`SELECT n::DOUBLE, (repeats OR NOT plain) FROM (
    SELECT user_id, count(*) AS n, count(DISTINCT ${KEY}) < count(*) AS repeats, bool_and(strlen(text) = length(text)) AS plain
    FROM interactions GROUP BY user_id) ORDER BY user_id`)
  let from = 0
  for await (const chunk of users) {
    for (const [n, mayRepeat] of chunk as [number, boolean][]) {
      yield { from, to: from + n, mayRepeat }
      from += n
    }
  }
}
