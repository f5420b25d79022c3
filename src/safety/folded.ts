// A text as patterns see it: what looks alike to a reader is one character, and nothing hides between two letters.

/** A folded text, and which part of the original each of its characters stands for. */
export interface Folded {
  text: string
  /** [folded index] where the character begins in the original; one more entry at the end. */
  starts: Uint32Array
  /** [folded index] where it ends in the original. */
  ends: Uint32Array
}

/** Not seen, or no character of their own: format and control characters, combining marks, fillers, variants. */
const UNSEEN = /^[\p{Cf}\p{M}\u115F\u1160\u3164\uFFA0\u2800]$/u
const DIGIT = /^\p{Nd}$/u
const LOOKALIKES: Record<string, string> = {
  'ⓐ': '@',
  '。': '.',
  '․': '.',
  '‚': ',',
  '’': "'",
  '‘': "'",
  ʼ: "'",
  '−': '-',
  '⁄': '/',
  '∕': '/',
  '⧸': '/',
  '∶': ':',
}
/** Letters of other scripts that look like Latin ones; taken so only in words that have Latin letters beside them. */
const CYRILLIC_AND_GREEK = 'авекмнорстухіѕјԁһӏАВЕКМНОРСТУХІЅЈοαεικνρτυχΟΑΒΕΖΗΙΚΜΝΡΤΥΧ'
const AS_LATIN = 'abekmhopctyxisjdhlABEKMHOPCTYXISJoaeiknptuxOABEZHIKMNPTYX'
const MIXED_WORD = /[\p{sc=Latin}\p{sc=Cyrillic}\p{sc=Greek}]{2,}/gu
const OTHER_SCRIPT = /[\p{sc=Cyrillic}\p{sc=Greek}]/gu

/**
 * The text without unseen characters and accents, with wide, styled and foreign digits as 0 to 9, every dash as `-`,
 * every space but the line break as one of ASCII, and look-alikes of Latin letters as these, in its own case.
 */
export function folded(original: string): Folded {
  const parts: string[] = []
  const starts: number[] = []
  const ends: number[] = []
  let at = 0
  for (const character of original) {
    const end = at + character.length
    for (const part of foldedCharacter(character)) {
      parts.push(part)
      for (let unit = 0; unit < part.length; unit++) {
        starts.push(at)
        ends.push(end)
      }
    }
    at = end
  }
  starts.push(original.length)
  const text = parts.join('').replace(MIXED_WORD, (word) => (/\p{sc=Latin}/u.test(word) ? latin(word) : word))
  return { text, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) }
}

/** What looks alike is of equal length, so that positions stay. */
function latin(word: string): string {
  return word.replace(OTHER_SCRIPT, (letter) => {
    const index = CYRILLIC_AND_GREEK.indexOf(letter)
    return index < 0 ? letter : AS_LATIN[index]
  })
}

function foldedCharacter(character: string): string {
  if (character >= ' ' && character <= '~') return character
  if (character === '\n') return character
  if (LOOKALIKES[character] !== undefined) return LOOKALIKES[character]
  let result = ''
  for (const part of character.normalize('NFKD'))
    if (!UNSEEN.test(part)) result += DIGIT.test(part) ? digit(part) : plain(part)
  return result
}

function plain(character: string): string {
  if (/^[\p{Z}\p{Cc}]$/u.test(character)) return ' '
  return /^\p{Pd}$/u.test(character) ? '-' : (LOOKALIKES[character] ?? character)
}

/** Unicode has the ten digits of a script in one row, which begins at …0 or …6. */
function digit(character: string): string {
  const code = character.codePointAt(0) as number
  const inRow = code & 15
  return String(DIGIT.test(String.fromCodePoint(code - inRow)) ? inRow : inRow - 6)
}
