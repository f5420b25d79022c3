// Runs that stand for one thing, such as trainings that differ only by their seed: their mean is a row of its own, each
// user's number being the mean over the runs, so that differences stay paired by user.
import { isDeepStrictEqual } from 'node:util'
import type { TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'

/** Groups as a caller names them: the name, and its members by run folder, run name or key of the condition. */
export type NamedGroups = Readonly<Record<string, readonly string[]>>

export interface ProfileGroup {
  /** Unique among conditions and groups. */
  key: string
  /** As shown. */
  label: string
  /** Keys of the conditions whose mean it is, at least two. */
  members: readonly string[]
}

/** A condition with the other names that a group may call it by. */
export interface GroupMember {
  key: string
  names: readonly string[]
}

/** Throws BumpError (`invalid-options`) where a group has fewer than two members, one twice, or one that is not there. */
export function namedGroups(named: NamedGroups, conditions: readonly GroupMember[]): ProfileGroup[] {
  return Object.entries(named).map(([name, members]) => {
    const keys = members.map((member) => {
      const found = conditions.filter(({ key, names }) => key === member || names.includes(member))
      if (found.length === 1) return found[0].key
      const there = few(conditions.map(({ key, names: [shown] }) => (shown === undefined ? key : `${shown} (${key})`)))
      throw new BumpError(
        'invalid-options',
        `groups.${name}: ${found.length === 0 ? 'there is no' : 'there are several'} ${member}. ${there === '' ? 'No run is compared: name it, and the condition run where you name conditions' : `The conditions are ${there}`}.`,
      )
    })
    if (keys.length < 2 || new Set(keys).size < keys.length)
      throw new BumpError('invalid-options', `groups.${name}: a mean is over two runs or more, each named once`)
    return groupOf(name, keys)
  })
}

/** Groups of the runs on the same people that differ only by their seed; [run] `keys`: of their conditions. */
export function groupsBySeed(runs: readonly TrainedRun[], keys: readonly string[]): ProfileGroup[] {
  const alike: { members: number[]; settings: object }[] = []
  for (const [r, { config, header }] of runs.entries()) {
    const { name, seed, engine, ...own } = config
    // The logs or the model may have changed where their path has not.
    const settings = { ...own, digests: [header.data.digest, header.model.digest] }
    const same = alike.find((group) => isDeepStrictEqual(group.settings, settings))
    if (same) same.members.push(r)
    else alike.push({ members: [r], settings })
  }
  const groups = alike
    .filter(({ members }) => members.length > 1)
    .map(({ members }) => {
      const names = members.map((r) => runs[r].name)
      return { start: commonStart(names), names, keys: members.map((r) => keys[r]) }
    })
  // Groups of other settings may begin alike, and runs of other folders may have one name.
  const starts = groups.map(({ start }) => start)
  const all = groups.map(({ names }) => names.join(', '))
  return groups.map(({ start, names, keys }, g) => {
    if (start !== '' && isOnlyOne(starts, g)) return groupOf(start, keys)
    return groupOf(isOnlyOne(all, g) ? all[g] : keys.map((key, i) => `${names[i]} (${key})`).join(', '), keys)
  })
}

const isOnlyOne = (values: readonly string[], i: number) => values.every((value, j) => j === i || value !== values[i])

/** What a reader of its row must know. */
export function groupNote({ label, members }: ProfileGroup, labelOf: ReadonlyMap<string, string>): string {
  const of = members.map((key) => labelOf.get(key) ?? key).join('; ')
  return `${label}: each user's mean over ${of}. Its interval is over users and does not hold what trainings with other seeds would vary.`
}

function groupOf(name: string, members: readonly string[]): ProfileGroup {
  return { key: `mean ${name}`, label: `${name}, mean of ${members.length} runs`, members }
}

/** What all names begin with, up to a separator: 'posts' of 'posts-1' and 'posts-2'. */
function commonStart([first, ...others]: readonly string[]): string {
  let end = 0
  while (end < first.length && others.every((name) => name[end] === first[end])) end++
  return first.slice(0, end).replace(/[-_.\s]*(s|seed)?[-_.\s]*$/, '')
}
