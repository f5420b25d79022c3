// Texts for a batch of users: written, cleaned of markup, personal data and sensitive sentences, checked for what must
// not be said, written again with other seeds where it was, and cut where it still is.
import { singleProfiles } from '../../generator/generate.ts'
import type { ProfileGenerator } from '../../generator/generator.ts'
import { profileSeed } from '../../generator/profile-users.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { inspectProfile } from '../../safety/inspect.ts'
import type { SensitiveCategory } from '../../safety/sensitive-words.ts'
import { sentencesOf } from '../../safety/sentences.ts'
import { isDenied } from '../../store/deny.ts'
import { seedFrom } from '../../util/random.ts'

export interface WritingJob {
  user: string
  /** Oldest first. */
  history: readonly { text: string }[]
  denials: readonly string[]
  /** Sensitive categories that may be said. */
  allowed: readonly SensitiveCategory[]
}

export interface WrittenText {
  /** '' where nothing could be said. */
  text: string
  /** Indices into the history of what the writer saw. */
  shown: number[]
}

type Rules = Pick<WritingJob, 'denials' | 'allowed'>

/** How often a text is written again at most. */
const AGAIN = 3
/** A greedy writer would say the same again. */
const TEMPERATURE_AGAIN = 0.8

/** [job] its text. Throws what the generator throws. */
export async function writeTexts(
  { model, settings }: ProfileGenerator,
  jobs: readonly WritingJob[],
  signal?: AbortSignal,
): Promise<WrittenText[]> {
  const users = jobs.map(({ user, history }) => ({ id: user, history }))
  // A prompt that a server refuses must not keep the others waiting: it gives no text, which is not published.
  const onUnanswered = () => {}
  const drawing = { ...settings, signal, onUnanswered }
  const first = await singleProfiles(model, users, { ...drawing, seed: profileSeed(settings.seed) })
  const texts = first.map(({ profile = '' }) => profile)
  for (let attempt = 1; attempt <= AGAIN; attempt++) {
    const faulty = [...jobs.keys()].filter((j) => inspected(texts[j], jobs[j], first[j].shown).faults.length > 0)
    if (faulty.length === 0) break
    const again = await singleProfiles(
      model,
      faulty.map((j) => users[j]),
      {
        ...drawing,
        temperature: Math.max(settings.temperature, TEMPERATURE_AGAIN),
        seed: (user) => seedFrom(settings.seed, 'again', attempt, user),
      },
    )
    // One with fewer faults is kept, so that at the end as little as possible is cut.
    for (const [i, j] of faulty.entries()) {
      const { profile: other = '' } = again[i]
      const better =
        inspected(other, jobs[j], first[j].shown).faults.length <
        inspected(texts[j], jobs[j], first[j].shown).faults.length
      if (better && !isEmptyProfile(other)) texts[j] = other
    }
  }
  return jobs.map((job, j) => ({ text: sayable(texts[j], job, first[j].shown), shown: first[j].shownIndices }))
}

/** A text without what is taken out of every profile, and its sentences that may not stand. */
function inspected(text: string, { denials, allowed }: Rules, shown: readonly string[]) {
  const { text: cleaned, flags } = inspectProfile(text, { interactions: shown, allow: allowed })
  const suspect = new Set(
    flags.map((flag) => (flag.effect === 'suspect' && flag.kind !== 'empty' ? flag.sentence : '')),
  )
  const sentences = sentencesOf(cleaned)
  return {
    sentences,
    faults: sentences.filter((sentence) => isDenied(sentence, denials) || suspect.has(sentence.trim())),
  }
}

/** What of a text may be published, written from the texts `shown`; '' where nothing may. */
export function sayable(text: string, rules: Rules, shown: readonly string[]): string {
  const { sentences, faults } = inspected(text, rules, shown)
  const said = sentences
    .filter((sentence) => !faults.includes(sentence))
    .join('')
    .trim()
  return isEmptyProfile(said) ? '' : said
}
