// Who was in a training that an evaluation builds on: a generator's or an SFT's. Scores of such users say nothing about
// people never seen, so they are refused unless the caller means it.

import { readRunUsers } from '../run/read.ts'
import { BumpError } from '../util/errors.ts'

/**
 * Notes for the table about what the runs have seen of `users`. Throws BumpError with the ids where a run trained on some
 * of them or chose its checkpoint by them, unless `allowed`.
 */
export function checkSeenUsers(users: readonly string[], runs: readonly string[], allowed: boolean): string[] {
  return [...new Set(runs)].flatMap((run) => {
    const known = readRunUsers(run)
    if (known === undefined)
      return [`${run} does not say which users it trained on: whether these are among them is not known.`]
    const trained = new Set([...known.train, ...known.validation])
    const seen = [...new Set(users)].filter((user) => trained.has(user))
    if (seen.length === 0) return []
    if (allowed)
      return [
        `Seen users: ${seen.length} of these users were in the training of ${run} (in LaMP's time split this is by design).`,
      ]
    const more = seen.length > 10 ? ` and ${seen.length - 10} more` : ''
    throw new BumpError(
      'lamp-unusable',
      `${seen.length} of the users to evaluate were in the training of ${run}: ${seen.slice(0, 10).join(', ')}${more}. Their scores would not measure unseen people. Evaluate another split, or, where it is meant (LaMP's time split has the same users), add --seen-users.`,
    )
  })
}
