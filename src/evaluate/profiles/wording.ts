// What written profiles look like, whatever a judge makes of them. A generator that learns to please its judge shows it here
// first: all profiles begin alike, grow, shrink or copy.
import type { User } from '../../logs/types.ts'
import { longestCopiedNgram, wordsOf } from '../../util/copied-words.ts'
import type { ResultTable } from '../result.ts'
import { userTable } from '../user-table.ts'
import type { ProfileCondition } from './conditions.ts'

/** Words that make an opening. */
const OPENING = 2
const UNWRITTEN = ['none', 'generic', 'history']

/**
 * Of the conditions that somebody wrote: words, the share that copies more than `limit` words in one piece from the user's
 * history, the share with the opening that is the commonest of the condition, and the share that says word for word what
 * another user's says. Undefined where no condition is written.
 */
export function wordingTable(
  users: readonly User[],
  conditions: readonly ProfileCondition[],
  { limit, seed }: { limit: number; seed: number },
): ResultTable | undefined {
  const written = conditions.filter(({ key, mismatched }) => !mismatched && !UNWRITTEN.includes(key))
  if (written.length === 0) return undefined
  const histories = users.map(({ history }) => history.map(({ text }) => text))
  const openings: string[] = []
  const measured = written.map(({ key, label, profiles }) => {
    const words = profiles.map(wordsOf)
    const starts = words.map((of) => of.slice(0, OPENING).join(' '))
    const [commonest, many] = mostFrequent(starts)
    openings.push(`${label}: ${many} of ${profiles.length} begin with "${commonest}".`)
    const texts = words.map((of) => of.join(' '))
    const times = countOf(texts)
    return {
      condition: key,
      label,
      values: {
        words: words.map((of) => of.length),
        beyond: profiles.map((profile, u) => Number(longestCopiedNgram(profile, histories[u]) > limit)),
        opening: starts.map((start) => Number(start === commonest)),
        shared: texts.map((text) => Number(times.get(text)! > 1)),
      },
    }
  })
  const metric = (key: string, label: string) => ({ key, label, higherIsBetter: false, chance: null })
  const metrics = [
    metric('words', 'words'),
    metric('beyond', `copy more than ${limit} words`),
    metric('opening', 'begin with the commonest opening'),
    metric('shared', "the same as another user's"),
  ]
  const notes = [
    `${users.length} users; means and shares with 95 % intervals. An opening is the first ${OPENING} words.`,
    ...openings,
  ]
  return userTable({ title: 'What the profiles look like', notes, metrics }, measured, seed)
}

function countOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

function mostFrequent(texts: readonly string[]): [text: string, times: number] {
  return [...countOf(texts)].reduce((most, each) => (each[1] > most[1] ? each : most))
}
