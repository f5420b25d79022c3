// What becomes of a profile before anybody is served it: markup out, personal data out, sensitive sentences held back,
// and a look for what speaks to a model instead of about a person.
import { longestCopiedNgram } from '../util/copied-words.ts'
import { BumpError } from '../util/errors.ts'
import { type MarkupKind, plainText } from './markup.ts'
import { PERSONAL_KINDS, type PersonalKind, type RedactOptions, redact } from './redact.ts'
import { sensitiveCategories } from './sensitive.ts'
import { SENSITIVE_CATEGORIES, type SensitiveCategory } from './sensitive-words.ts'
import { sentencesOf } from './sentences.ts'
import { type SteeringKind, steeringIn } from './steering.ts'

export interface InspectOptions extends RedactOptions {
  /** The interactions that the profile was written from, for the check of copies; default none. */
  interactions?: readonly string[]
  /** Sensitive categories that may be said, because the project has a ground for it; default none. */
  allow?: readonly SensitiveCategory[]
  /** Longer profiles are cut at a sentence, or at a word; default 2,000. */
  maxCharacters?: number
  /** Words that may stand in one piece as in an interaction, as `reward.maxCopiedNgram` in training; default 8. */
  maxCopiedWords?: number
}

/**
 * What was found. `removed`: it is no longer in the text. `held`: a sentence that is not said, because of its category.
 * `suspect`: it is still there, and the text should not be published before somebody has looked at it.
 */
export type ProfileFlag =
  | { effect: 'removed'; kind: MarkupKind | PersonalKind | 'length' }
  | { effect: 'held'; kind: SensitiveCategory; sentence: string }
  | { effect: 'suspect'; kind: SteeringKind | 'copied'; sentence: string }
  | { effect: 'suspect'; kind: 'empty' }

export interface InspectedProfile {
  text: string
  flags: ProfileFlag[]
  /** Nothing in it is suspect. */
  publishable: boolean
}

const MAX_CHARACTERS = 2000
const MAX_COPIED_WORDS = 8
/** What stands beyond is never looked at: no profile is so long. */
const MOST_CHARACTERS = 20_000

/**
 * A profile as it may be served, with what was found in it. The result is plain text of at most `maxCharacters`: no
 * tag can open or close in it. The same text gives itself again.
 *
 * @throws BumpError `invalid-options` where an option has no usable value
 */
export function inspectProfile(profile: string, options: InspectOptions = {}): InspectedProfile {
  const { interactions = [], maxCopiedWords = MAX_COPIED_WORDS } = options
  checkOptions(options)
  const flags: ProfileFlag[] = []
  let text = profile.slice(0, MOST_CHARACTERS)
  // What is taken out may put together what stood around it; every pass leaves less, so this ends.
  for (let before: string | undefined; before !== text; ) {
    before = text
    text = cleaned(text, options, flags)
  }
  for (const { kind, sentence } of steeringIn(text)) flags.push({ effect: 'suspect', kind, sentence })
  for (const sentence of sentencesOf(text))
    if (longestCopiedNgram(sentence, interactions) > maxCopiedWords)
      flags.push({ effect: 'suspect', kind: 'copied', sentence: sentence.trim() })
  if (!/[\p{L}\p{N}]/u.test(text)) flags.push({ effect: 'suspect', kind: 'empty' })
  return { text, flags, publishable: !flags.some(({ effect }) => effect === 'suspect') }
}

/** One pass of everything that takes something out; what it took is added to `flags` once. */
function cleaned(profile: string, options: InspectOptions, flags: ProfileFlag[]): string {
  const { allow = [], maxCharacters = MAX_CHARACTERS } = options
  const plain = plainText(profile)
  for (const kind of plain.removed) note(flags, { effect: 'removed', kind })
  const { text, found } = redact(plain.text, options)
  for (const kind of PERSONAL_KINDS) if (found[kind]) note(flags, { effect: 'removed', kind })
  const said = sentencesOf(text).filter((sentence) => {
    const told = sensitiveCategories(sentence).filter((category) => !allow.includes(category))
    for (const kind of told) note(flags, { effect: 'held', kind, sentence: sentence.trim() })
    return told.length === 0
  })
  const short = shortened(said, maxCharacters)
  if (short.length < said.join('').trim().length) note(flags, { effect: 'removed', kind: 'length' })
  return short
}

/** As many sentences as fit; of the first, as many words. */
function shortened(sentences: readonly string[], limit: number): string {
  let text = ''
  for (const sentence of sentences) {
    if ((text + sentence).trim().length > limit) break
    text += sentence
  }
  if (text.trim() !== '' || sentences.length === 0) return text.trim()
  const first = sentences.join('').trim().slice(0, limit)
  return first.replace(/\s\S*$/, '').trim()
}

function note(flags: ProfileFlag[], flag: ProfileFlag): void {
  const known = JSON.stringify(flag)
  if (!flags.some((other) => JSON.stringify(other) === known)) flags.push(flag)
}

function checkOptions({ allow = [], maxCharacters, maxCopiedWords }: InspectOptions): void {
  for (const category of allow)
    if (!SENSITIVE_CATEGORIES.includes(category))
      throw new BumpError('invalid-options', `allow: ${category} is none of ${SENSITIVE_CATEGORIES.join(', ')}.`)
  for (const [name, value] of Object.entries({ maxCharacters, maxCopiedWords }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw new BumpError('invalid-options', `${name}: ${value} is no whole number above 0.`)
}
