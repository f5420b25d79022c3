// Patterns of addresses on the internet, over folded texts. Every repetition has a bound, so the work is linear.

/** A place in a text: from `start` up to `end`. */
export interface Span {
  start: number
  end: number
}

const LABEL = '[\\p{L}\\p{N}](?:[\\p{L}\\p{N}-]{0,61}[\\p{L}\\p{N}])?'
/** A dot of a domain, also as people write it who hide an address from programs. */
const DOT = '(?:\\.|\\[\\.\\]|\\(\\.\\)| ?[\\[({]dot[\\])}] ?| dot )'
const AT = '(?: ?@ ?| ?[\\[({]at[\\])}] ?)'

/**
 * Endings that stand for a domain without more. A country's ending is not among them where it is a word too (it, is,
 * me …) or the ending of a file's name (md, py, rs …): such a domain needs a path, `www.` or `https://`.
 */
const ENDINGS = [
  'com|org|net|info|biz|edu|gov|mil|int|app|dev|xyz|online|site|shop|store|blog|cloud|page|link|click|top|live|news',
  'tech|space|website|club|email|ai|io|co|tv|gg|ly|fm|example|test|invalid|localhost|onion',
  'de|uk|fr|es|nl|pt|br|eu|ch|ca|jp|cn|ru|ua|cz|se|dk|fi|gr|hu|ro|ie|nz|mx|ar|cl|kr|tr|za',
].join('|')
const ANY_ENDING = '[\\p{L}]{2,24}'

const SCHEME =
  /(?:[a-z][a-z0-9+.-]{1,15}:\/\/|(?<![\p{L}\p{N}])www\d?\.|(?<![\p{L}\p{N}])(?:mailto|tel|sms|javascript|vbscript|data|blob):(?=[^\s]))[^\s<>"'`\])}]{1,2000}/giu
const BARE = new RegExp(
  `(?<![\\p{L}\\p{N}@.-])(?!(?:the|a|polka) dot )(?:${LABEL}${DOT}){1,6}(?:(?:${ENDINGS})(?![\\p{L}\\p{N}-])(?::\\d{1,5})?(?:[/?#][^\\s<>"'\`\\])}]{0,2000})?|${ANY_ENDING}(?::\\d{1,5})?/[^\\s<>"'\`\\])}]{1,2000})`,
  'giu',
)
const EMAIL = new RegExp(
  `[\\p{L}\\p{N}][\\p{L}\\p{N}._%+'-]{0,63}${AT}(?:${LABEL}${DOT}){1,6}\\p{L}{2,24}(?![\\p{L}\\p{N}-])`,
  'giu',
)
/** "anna at example dot org": both in words, so that "meets at noon" is none. */
const SPOKEN_EMAIL =
  /[\p{L}\p{N}][\p{L}\p{N}._+-]{0,63} at (?!the )(?:[\p{L}\p{N}-]{1,63} dot ){1,4}\p{L}{2,24}(?![\p{L}\p{N}])/giu
/** Hosts without a dot and addresses in quotes: rare, and nobody writes them of something else. */
const LOCAL_EMAIL = /[\p{L}\p{N}][\p{L}\p{N}._%+-]{0,63}@localhost(?![\p{L}\p{N}])/giu

/** A link with a scheme (https:, mailto:, javascript:, any other) or `www.`. */
export function schemeLinks(text: string): Span[] {
  return spans(text, SCHEME).map(withoutPunctuation(text))
}

/** E-mail addresses, also with `[at]`, `(dot)` or both in words. */
export function emails(text: string): Span[] {
  return [...spans(text, EMAIL), ...spans(text, SPOKEN_EMAIL), ...spans(text, LOCAL_EMAIL)]
}

/** A domain with a known ending, or any host with a path. */
export function bareLinks(text: string): Span[] {
  return spans(text, BARE)
    .map(withoutPunctuation(text))
    .filter(({ start, end }) => !/^\d[\d./]*$/.test(text.slice(start, end)))
}

/** Where a pattern with the `g` flag stands in a text. */
export function spans(text: string, pattern: RegExp): Span[] {
  return [...text.matchAll(pattern)].map(({ index, 0: found }) => ({ start: index, end: index + found.length }))
}

/** A sentence's own punctuation behind a link is none of it. */
function withoutPunctuation(text: string): (span: Span) => Span {
  return ({ start, end }) => {
    let last = end
    while (last > start + 1 && '.,;:!?'.includes(text[last - 1])) last--
    return { start, end: last }
  }
}
