// Histories as they are outside of benchmarks: short, mixed with other people's interactions, misspelt, out of order, in
// another language. Pure; used by evaluate.ts, which measures what is left of the profiles. Held-out interactions are
// never touched. What is drawn depends on the seed, the person and the disturbance alone, and a stronger level holds
// what a weaker one of the same disturbance does.
import { duplicateKey } from '../../logs/normalise.ts'
import type { Interaction, User } from '../../logs/types.ts'
import { seedFrom, shuffled, uniform } from '../../util/random.ts'

export const DISTURBANCES = ['short', 'others', 'typos', 'order', 'language'] as const
export type DisturbanceKind = (typeof DISTURBANCES)[number]

/** One strength of a disturbance. */
interface Level {
  /** As shown, and part of the condition's key. */
  label: string
  /** [user] */
  histories: Interaction[][]
}

/** One disturbance in all its strengths. */
export interface Disturbance {
  kind: DisturbanceKind
  /** Titles a table. */
  title: string
  /** What the levels are of. */
  axis: string
  /** The histories as they are, among the levels. */
  undisturbed: { label: string; at: 'first' | 'last' }
  levels: Level[]
  /** How it is done. */
  note: string
}

const LENGTHS = [1, 2, 4, 8, 16]
const SHARES_OF_OTHERS = [0.1, 0.25, 0.5]
const SHARES_OF_WORDS = [0.1, 0.25, 0.5]

/** The disturbance in all its levels. `translated`: [user] the histories in the other language. */
export function disturbed(
  kind: DisturbanceKind,
  users: readonly User[],
  seed: number,
  translated: readonly Interaction[][] = [],
): Disturbance {
  const each = (label: string, history: (user: User, seed: number) => Interaction[]): Level => ({
    label,
    histories: users.map((user) => history(user, seedFrom('disturb', kind, seed, user.id))),
  })
  const percent = (share: number) => `${100 * share} %`
  switch (kind) {
    case 'short': {
      const longer = LENGTHS.map((n) => `${users.filter(({ history }) => history.length > n).length} than ${n}`)
      return {
        kind,
        title: 'Short histories',
        axis: 'latest interactions',
        undisturbed: { label: 'all', at: 'last' },
        levels: LENGTHS.map((n) => each(String(n), ({ history }) => history.slice(-n))),
        note: `Histories are cut to their latest interactions. Of the ${users.length} users, so many have more: ${longer.join(', ')}.`,
      }
    }
    case 'others':
      return {
        kind,
        title: "Other people's interactions mixed in",
        axis: 'share of other people’s interactions',
        undisturbed: { label: '0 %', at: 'first' },
        levels: SHARES_OF_OTHERS.map((share) =>
          each(percent(share), (user, own) => withOthers(user, users, share, own)),
        ),
        note: "Interactions from the histories of other users are put in at random places until they are this share of the history (at least one), none that repeats one of the user's held-out interactions. None of the user's own is taken out, but the prompt shows the latest that fit.",
      }
    case 'typos':
      return {
        kind,
        title: 'Typing errors',
        axis: 'share of words with an error',
        undisturbed: { label: '0 %', at: 'first' },
        levels: SHARES_OF_WORDS.map((share) =>
          each(percent(share), ({ history }, own) =>
            history.map((interaction, i) => ({
              ...interaction,
              text: withTypos(interaction.text, share, seedFrom(own, i)),
            })),
          ),
        ),
        note: 'In this share of the words of four letters or more, two neighbouring letters are swapped, one is left out, or one is doubled.',
      }
    case 'order':
      return {
        kind,
        title: 'Order lost',
        axis: 'order of the history',
        undisturbed: { label: 'in time', at: 'first' },
        levels: [each('shuffled', ({ history }, own) => shuffled(history, own))],
        note: 'Histories are shuffled. Where not all of a history fits the prompt, other interactions are shown.',
      }
    case 'language':
      return {
        kind,
        title: 'Another language',
        axis: 'language of the history',
        undisturbed: { label: 'as measured', at: 'first' },
        levels: [{ label: 'translated', histories: [...translated] }],
        note: 'The same interactions by translatedText. The held-out interactions stay in the language of the text.',
      }
  }
}

/** The history with interactions of others, in all `share` of it. */
function withOthers(
  { id, history, heldOut }: User,
  users: readonly User[],
  share: number,
  seed: number,
): Interaction[] {
  const others = users.filter((other) => other.id !== id)
  const wanted = Math.max(1, Math.round((history.length * share) / (1 - share)))
  const own = new Set(heldOut.map(({ text }) => duplicateKey(text)))
  const next = uniform(seed)
  const mixed: { interaction: Interaction; place: number }[] = history.map((interaction, place) => ({
    interaction,
    place,
  }))
  // Among people who all write what the user has held out there may be nothing to draw.
  const tries = 20 * wanted
  for (let t = 0; t < tries && mixed.length < history.length + wanted; t++) {
    const from = others[Math.floor(next() * others.length)].history
    const interaction = from[Math.floor(next() * from.length)]
    const place = next() * history.length - 0.5
    if (!own.has(duplicateKey(interaction.text))) mixed.push({ interaction, place })
  }
  return mixed.sort((a, b) => a.place - b.place).map(({ interaction }) => interaction)
}

/** The text with an error in a share of its words, at random. */
function withTypos(text: string, share: number, seed: number): string {
  const next = uniform(seed)
  return text.replace(/\p{L}{4,}/gu, (word) => {
    const [drawn, kind, place] = [next(), next(), next()]
    if (drawn >= share) return word
    const letters = [...word]
    const at = Math.floor(place * (letters.length - 1))
    const [a, b] = letters.slice(at, at + 2)
    letters.splice(at, 2, ...(kind < 1 / 3 ? [b, a] : kind < 2 / 3 ? [b] : [a, a, b]))
    return letters.join('')
  })
}
