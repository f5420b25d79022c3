// Personal data out of a text: what tells where somebody lives, how they are reached, who they are to an office, and
// what they pay with. docs/safety.md has the measured recall and precision of every kind.
import type { CountryCode } from 'libphonenumber-js/max'
import { BumpError } from '../util/errors.ts'
import { deniedIn, denyPatterns } from './deny.ts'
import { folded } from './folded.ts'
import { phones } from './libraries.ts'
import { bareLinks, emails, type Span, schemeLinks } from './links.ts'
import { accounts, cards, ipAddresses, nationalIds, phoneNumbers } from './numbers.ts'
import { postalAddresses } from './postal.ts'

/** Kinds of personal data; `deny` are the rules of the project. */
export const PERSONAL_KINDS = ['link', 'email', 'account', 'card', 'id', 'ip', 'phone', 'address', 'deny'] as const
export type PersonalKind = (typeof PERSONAL_KINDS)[number]

export interface RedactOptions {
  /** Kinds to look for; default: all. */
  kinds?: readonly PersonalKind[]
  /** Phrases that are never said, as `denyPatterns` reads them; default none. */
  deny?: readonly string[]
  /** Countries (ISO 3166, two letters) whose own phone numbers are known, besides all international ones. */
  countries?: readonly string[]
}

export interface Redacted {
  text: string
  /** How often each kind was found; kinds not found are left out. */
  found: Partial<Record<PersonalKind, number>>
}

/** Where the languages of the patterns are spoken most. */
const COUNTRIES = ['US', 'GB', 'DE', 'AT', 'CH', 'FR', 'BE', 'ES', 'MX', 'NL', 'IT', 'PT', 'BR']

const PLACEHOLDERS: Record<PersonalKind, string> = {
  link: '[link]',
  email: '[email]',
  account: '[account]',
  card: '[card]',
  id: '[id]',
  ip: '[ip]',
  phone: '[phone]',
  address: '[address]',
  deny: '[withheld]',
}
/** What stands between two placeholders is looked at by itself, so that they are never found again. */
const PLACEHOLDER = new RegExp(
  `(${Object.values(PLACEHOLDERS)
    .map((text) => `\\${text.slice(0, -1)}\\]`)
    .join('|')})`,
)

/**
 * The text with personal data replaced by `[email]`, `[phone]` and so on. Wide digits, unseen characters and
 * look-alikes hide nothing. The same text gives itself again.
 *
 * @throws BumpError `invalid-options` where a kind, a country or a rule of `deny` is none
 */
export function redact(text: string, options: RedactOptions = {}): Redacted {
  const finders = findersOf(options)
  const found: Redacted['found'] = {}
  let rest = text
  // What is taken out may free what stood beside it; every pass leaves less to look at, so this ends.
  for (let before = ''; before !== rest; ) {
    before = rest
    for (const [kind, find] of finders) {
      rest = rest
        .split(PLACEHOLDER)
        .map((part, i) => (i % 2 === 1 ? part : replaced(part, find, PLACEHOLDERS[kind], () => count(found, kind))))
        .join('')
    }
  }
  return { text: rest, found }
}

type Finder = (text: string) => Span[]

function findersOf({
  kinds = PERSONAL_KINDS,
  deny = [],
  countries = COUNTRIES,
}: RedactOptions): [PersonalKind, Finder][] {
  for (const kind of kinds)
    if (!PERSONAL_KINDS.includes(kind))
      throw new BumpError('invalid-options', `kinds: ${kind} is none of ${PERSONAL_KINDS.join(', ')}.`)
  for (const country of countries)
    if (!phones().isSupportedCountry(country))
      throw new BumpError('invalid-options', `countries: ${country} is no country of two letters, such as US or DE.`)
  const denied = denyPatterns(deny)
  // Links first: what stands inside one is part of it. A domain alone comes after the addresses that end with one.
  const finders: [PersonalKind, Finder][] = [
    ['link', schemeLinks],
    ['email', emails],
    ['link', bareLinks],
    ['account', accounts],
    ['card', cards],
    ['id', nationalIds],
    ['ip', ipAddresses],
    ['phone', (text) => phoneNumbers(text, countries as CountryCode[])],
    ['address', postalAddresses],
    ['deny', (text) => deniedIn(text, denied)],
  ]
  return finders.filter(([kind]) => kinds.includes(kind))
}

/** The text with what `find` finds in its folded form replaced; spans that overlap are one. */
function replaced(text: string, find: Finder, placeholder: string, onFound: () => void): string {
  const view = folded(text)
  const parts: string[] = []
  let done = 0
  for (const { start, end } of joined(find(view.text))) {
    parts.push(text.slice(done, view.starts[start]), placeholder)
    done = view.ends[end - 1]
    onFound()
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done)
}

function joined(found: Span[]): Span[] {
  const result: Span[] = []
  for (const span of found.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last && span.start < last.end) last.end = Math.max(last.end, span.end)
    else result.push({ ...span })
  }
  return result
}

function count(found: Redacted['found'], kind: PersonalKind): void {
  found[kind] = (found[kind] ?? 0) + 1
}
