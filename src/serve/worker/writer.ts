// Texts for a batch of users: written, checked for what must not be said, written again with other seeds where it was,
// and cut where it still is.
import { type GeneratedProfiles, generateProfiles } from '../../generator/generate.ts'
import type { Generator } from '../../generator/open.ts'
import { profileSeeds } from '../../generator/profile-users.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { isDenied, sentencesOf } from '../../store/deny.ts'
import { longestCopiedNgram } from '../../util/copied-words.ts'
import { seedFrom } from '../../util/random.ts'

export interface WritingJob {
  user: string
  /** Oldest first. */
  history: readonly { text: string }[]
  denials: readonly string[]
}

export interface WrittenText {
  /** '' where nothing could be said. */
  text: string
  /** Indices into the history of what the writer saw. */
  shown: number[]
}

/** A longer piece of an interaction, in words, is no summary of it: the bound of the reward (reward/config.ts). */
const MOST_COPIED = 8
/** How often a text is written again at most. */
const AGAIN = 3
/** A greedy writer would say the same again. */
const TEMPERATURE_AGAIN = 0.8

/** [job] its text. Throws what the generator throws. */
export async function writeTexts(
  { model, settings }: Generator,
  jobs: readonly WritingJob[],
  signal?: AbortSignal,
): Promise<WrittenText[]> {
  const users = jobs.map(({ user, history }) => ({ id: user, history }))
  const first = await generateProfiles(model, users, { ...settings, seeds: profileSeeds(settings.seed), signal })
  const texts = first.map(({ profiles }) => profiles[0])
  for (let attempt = 1; attempt <= AGAIN; attempt++) {
    const faulty = [...jobs.keys()].filter((j) => faultsOf(texts[j], jobs[j], first[j]).length > 0)
    if (faulty.length === 0) break
    const again = await generateProfiles(
      model,
      faulty.map((j) => users[j]),
      {
        ...settings,
        temperature: Math.max(settings.temperature, TEMPERATURE_AGAIN),
        seeds: (user) => [seedFrom(settings.seed, 'again', attempt, user)],
        signal,
      },
    )
    // One with fewer faults is kept, so that at the end as little as possible is cut.
    for (const [i, j] of faulty.entries()) {
      const other = again[i].profiles[0]
      const better = faultsOf(other, jobs[j], first[j]).length < faultsOf(texts[j], jobs[j], first[j]).length
      if (better && !isEmptyProfile(other)) texts[j] = other
    }
  }
  return jobs.map((job, j) => ({ text: withoutFaults(texts[j], job, first[j]), shown: first[j].shownIndices }))
}

/** Sentences that may not stand. */
function faultsOf(text: string, { denials }: WritingJob, { shown }: GeneratedProfiles): string[] {
  return sentencesOf(text).filter(
    (sentence) => isDenied(sentence, denials) || longestCopiedNgram(sentence, shown) > MOST_COPIED,
  )
}

function withoutFaults(text: string, job: WritingJob, generated: GeneratedProfiles): string {
  const faults = new Set(faultsOf(text, job, generated))
  const rest = sentencesOf(text).filter((sentence) => !faults.has(sentence))
  const said = rest.join('').trim()
  return isEmptyProfile(said) ? '' : said
}
