// What a project never wants said: phrases, with two signs that no text can make slow.
import { BumpError } from '../util/errors.ts'
import { folded } from './folded.ts'
import { type Span, spans } from './links.ts'

const MOST_RULES = 500
const LONGEST_RULE = 200
/** Letters and digits that a `*` may stand for. */
const STAR = '[\\p{L}\\p{N}]{0,40}'

/** A project's rules are the same for each of its users. */
const compiled = new WeakMap<readonly string[], RegExp[]>()

/**
 * Patterns of the `deny` rules of a project. A rule is a phrase, found as whole words whatever its case, accents and
 * spacing; `*` in a word stands for up to 40 letters or digits, `#` for one digit ("Project Falcon", "EMP-####",
 * "falcon*"). A word has one `*` at most, so that the work stays linear.
 *
 * @throws BumpError `invalid-options` where a rule is empty, too long, has two `*` in a word or nothing but signs
 */
export function denyPatterns(rules: readonly string[]): RegExp[] {
  if (rules.length > MOST_RULES)
    throw new BumpError(
      'invalid-options',
      `deny: there are ${rules.length} rules, and at most ${MOST_RULES} are taken.`,
    )
  const patterns = compiled.get(rules) ?? rules.map(denyPattern)
  compiled.set(rules, patterns)
  return patterns
}

/** Where the text, which is folded, says what is denied. */
export function deniedIn(text: string, patterns: readonly RegExp[]): Span[] {
  return patterns.flatMap((pattern) => spans(text, pattern))
}

function denyPattern(rule: string): RegExp {
  const refused = (what: string) => new BumpError('invalid-options', `deny: the rule ${JSON.stringify(rule)} ${what}.`)
  if (typeof rule !== 'string' || rule.length > LONGEST_RULE)
    throw new BumpError('invalid-options', `deny: a rule is a phrase of at most ${LONGEST_RULE} characters.`)
  const words = folded(rule).text.split(/\s+/).filter(Boolean)
  if (!words.some((word) => /[\p{L}\p{N}]/u.test(word))) throw refused('has no letter and no digit')
  if (words.some((word) => word.split('*').length > 2)) throw refused('has two * in one word: one is taken')
  const phrase = words.map((word) => word.split('').map(sign).join('')).join('\\s{1,8}')
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${phrase})(?![\\p{L}\\p{N}])`, 'giu')
}

function sign(character: string): string {
  if (character === '*') return STAR
  if (character === '#') return '\\d'
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
}
