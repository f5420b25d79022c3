// Which dialect of CSV a file is written in, decided from its lines: what stands between fields, whether quotes stand
// around fields or are letters, and how a quote within quotes is written.
import { BumpError } from '../util/errors.ts'
import { type Dialect, RecordParser } from './csv-records.ts'
import { excerpt } from './issues.ts'
import type { Line } from './lines.ts'
import type { SeparatedOptions } from './types.ts'

const DELIMITERS = [',', ';', '\t', '|']
/** As prose names them. */
const NAMES: Record<string, string> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars', ' ': 'spaces' }

/** Throws BumpError (`invalid-options`) for what no file can be written in. */
export function checkSeparatedOptions({
  delimiter,
  quote,
  escape: escaping,
  headerLine,
  columns,
}: SeparatedOptions): void {
  const refuse = (what: string) => {
    throw new BumpError('invalid-options', what)
  }
  if (delimiter === '') refuse('`delimiter` is empty: give the characters between fields')
  if ((quote ?? '').length > 1) refuse(`\`quote\` is one character, or empty where quotes are letters, not "${quote}"`)
  if ((escaping ?? '').length > 1) refuse(`\`escape\` is one character, or empty for none, not "${escaping}"`)
  if (headerLine !== undefined && !(Number.isInteger(headerLine) && headerLine >= 0))
    refuse('`headerLine` is the number of a line from 1, or 0 where there is no header')
  const names = columns?.map((name) => name.trim().toLowerCase()) ?? []
  if (columns?.length === 0 || names.includes('')) refuse('`columns` has a name for each field, none of them empty')
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) refuse(`\`columns\` has the name "${twice}" twice`)
}

/** A dialect of which parts may be open until a line shows them; until then those parts make no difference. */
export class DialectDecision {
  readonly dialect: Dialect
  /** What was decided against the usual, with the reason. */
  readonly notes: string[] = []
  /** What stands around fields, if anything does. */
  private readonly quote: string
  private quoteKnown: boolean
  private escapeKnown: boolean

  /** `lines`: the first ones of the file; `given`: what the caller says. */
  constructor(lines: readonly Line[], given: SeparatedOptions, delimiter: string | undefined) {
    this.quoteKnown = given.quote !== undefined
    this.escapeKnown = given.escape !== undefined
    this.dialect = { delimiter: delimiter ?? ',', quote: given.quote ?? '"', escape: given.escape ?? '' }
    if (delimiter === undefined) this.dialect.delimiter = delimiterOf(lines, this.dialect.quote)
    if (given.quote === undefined && areApostrophes(lines, this.dialect)) {
      this.dialect.quote = "'"
      this.notes.push('fields stand in \' and not in "; if these are letters, give quote: ""')
    }
    this.quote = this.dialect.quote
  }

  /** Decides what these lines, the next ones of the file, are the first to show. `final`: the file ends with them. */
  see(lines: readonly Line[], isStart: boolean, final: boolean): void {
    const { dialect, quote } = this
    const has = (text: string) => lines.some((line) => line.text.includes(text))
    if ((this.quoteKnown && this.escapeKnown) || quote === '' || !has(quote)) return
    const escapes = this.escapeKnown || !has(`\\${quote}`) ? [dialect.escape] : ['', '\\']
    const evidence = escapes.map((one) => evidenceOf(lines, { ...dialect, quote, escape: one }, isStart, final))
    const best = evidence.reduce((a, b) => (errorsOf(b) < errorsOf(a) ? b : a))
    if (!this.quoteKnown) {
      this.quoteKnown = true
      const letters = evidenceOf(lines, { ...dialect, quote: '' }, isStart, final)
      if (areLetters(best, letters, dialect.delimiter)) {
        dialect.quote = ''
        this.escapeKnown = true
        this.notes.push(`quotes are letters, not marks around fields (line ${best.at}: ${excerpt(best.example, 40)})`)
        return
      }
    }
    if (this.escapeKnown || escapes.length === 1) return
    this.escapeKnown = true
    dialect.escape = best.escape
    if (best.escape !== '') this.notes.push('a quote inside a quoted field is written \\"')
  }

  /** As `logs inspect` says it. */
  describe(): string {
    const { delimiter, quote, escape: escaping } = this.dialect
    const between = `${NAMES[delimiter] ?? JSON.stringify(delimiter)} between fields`
    const around = quote === '' ? 'quotes are letters' : `${quote} around fields`
    return `${between}, ${around}${escaping === '' ? '' : `, ${escaping} before letters that are quotes`}`
  }
}

/** What a dialect makes of lines. */
interface Evidence {
  escape: string
  /** Records whose number of fields is not the usual one. */
  uneven: number
  /** Quotes that do not stand around fields: text after them, never closed, or over several lines that are records. */
  wrong: number
  regular: number
  proofs: number
  /** All fields of the first record are quoted. */
  quotedHeader: boolean
  /** The first wrong quote. */
  example: string
  at: number
}

const errorsOf = ({ uneven, wrong }: Evidence) => uneven + wrong

/**
 * Quotes are letters where taking them for letters mends more than it spoils. In TSV one such field is enough, since
 * many writers do not quote at all; other files need two, and no field that only quotes hold together.
 */
function areLetters(quoted: Evidence, letters: Evidence, delimiter: string): boolean {
  if (quoted.quotedHeader || errorsOf(letters) >= errorsOf(quoted)) return false
  if (delimiter !== '\t') return quoted.wrong >= 2 && quoted.proofs === 0 && quoted.regular <= quoted.wrong
  return quoted.wrong > quoted.proofs && quoted.wrong * 4 >= quoted.regular
}

/** Apostrophes stand around fields where that alone makes the records even, and no double quote does. */
function areApostrophes(lines: readonly Line[], dialect: Dialect): boolean {
  if (lines.some(({ text }) => text.includes('"')) || !lines.some(({ text }) => text.includes("'"))) return false
  const [usual, apostrophes] = ['"', "'"].map((quote) => evidenceOf(lines, { ...dialect, quote }, true, true))
  return apostrophes.proofs > 0 && errorsOf(apostrophes) === 0 && usual.uneven > 0
}

function evidenceOf(lines: readonly Line[], dialect: Dialect, isStart: boolean, final: boolean): Evidence {
  const parser = new RecordParser(dialect)
  const counts: number[] = []
  const result = { escape: dialect.escape, wrong: 0, regular: 0, proofs: 0, quotedHeader: false, example: '', at: 0 }
  const wrong = (line: Line) => {
    if (result.wrong++ > 0) return
    result.example = line.text
    result.at = line.number
  }
  const usual = usualCount(lines.map(({ text }) => text.split(dialect.delimiter).length))
  const isRecord = ({ text }: Line) => text.split(dialect.delimiter).length === usual
  for (let i = 0; i < lines.length; ) {
    let next = i
    let complete = false
    parser.reset()
    while (!complete && next < lines.length) complete = parser.feed(lines[next++].text)
    const several = lines.slice(i, next)
    const melted = usual > 1 && several.length > 1 && dialect.delimiter === '\t' && several.every(isRecord)
    if (!complete && (final || melted)) {
      wrong(lines[i])
      i++
      continue
    }
    if (!complete) break
    if (lines[i].text.trim() !== '') counts.push(parser.fields.length)
    if (parser.irregular > 0 || melted) wrong(lines[i])
    else result.proofs += parser.proofs
    result.regular += parser.regular
    if (i === 0 && isStart) result.quotedHeader = parser.regular === parser.fields.length
    i = next
  }
  const most = usualCount(counts)
  return { ...result, uneven: counts.filter((fields) => fields !== most).length }
}

/** The most frequent number; of equally frequent ones the first. */
export function usualCount(counts: readonly number[]): number {
  const times = new Map<number, number>()
  for (const fields of counts) times.set(fields, (times.get(fields) ?? 0) + 1)
  return [...times].reduce((best, next) => (next[1] > best[1] ? next : best), [0, 0])[0]
}

/** Lines that are looked at for the delimiter. */
const DELIMITER_LINES = 200

/**
 * The delimiter that splits the first line into the most fields; the comma where none does. Where the first line stands
 * alone with that (a title above the table), the delimiter that splits most lines alike.
 */
export function delimiterOf(lines: readonly Line[], quote = '"'): string {
  const filled = lines.filter(({ text }) => text.trim() !== '').slice(0, DELIMITER_LINES)
  const found = DELIMITERS.map((delimiter) => {
    const parser = new RecordParser({ delimiter, quote, escape: '' })
    const counts = filled.map(({ text }) => {
      parser.reset()
      parser.feed(text)
      return parser.fields.length
    })
    const usual = usualCount(counts.slice(1))
    const alike = usual > 1 ? counts.filter((fields) => fields === usual).length : 0
    return { delimiter, first: counts[0] ?? 1, alike, firstIsUsual: counts[0] === usual }
  })
  const byFirst = found.reduce((best, next) => (next.first > best.first ? next : best))
  const byAll = found.reduce((best, next) => (next.alike > best.alike ? next : best))
  const plain = byFirst.first > 1 && (byFirst.firstIsUsual || byFirst.alike * 2 >= filled.length)
  return plain || byAll.alike * 2 < filled.length || byAll.alike < 2 ? byFirst.delimiter : byAll.delimiter
}
