// Mail: mbox, as mail programs and Google Takeout export it, and single messages (.eml). The user is the sender; the
// text is the subject and the plain body without the lines that it quotes.
import PostalMime from 'postal-mime'
import type { IssueLog } from '../issues.ts'
import { cleanCharacters } from '../json-record.ts'
import { readLines } from '../lines.ts'
import { parseTime } from '../time.ts'
import type { RawRecord, TextFormat } from './format.ts'

/** The line before a message: who sent it, and when. */
const START = /^From .*\d:\d\d/
/** Bytes of the largest message that is read, attachments and all. */
const MOST_BYTES = 64 * 2 ** 20

export const mbox: TextFormat = {
  type: 'text',
  name: 'mbox',
  title: 'mail',
  fileNames: /\.(mbox|eml)$/,
  usualColumns: { user: ['user'], time: ['time'], text: ['text'] },
  bytes: true,
  recognises: (start) => /^From .*\d:\d\d.*\r?\n>?[\w-]+:/.test(start),
  async *records(blocks, fileName, issues, context) {
    context.describe('the user is the sender, the text is subject and body without quoted lines and signature')
    for await (const { text, line } of messagesOf(blocks, fileName, issues)) {
      const value = await readMessage(text).catch((error: Error) => {
        issues.add('bad-line', `${fileName}:${line}`, `no mail: ${error.message}`)
      })
      if (value === undefined) continue
      yield { line, element: 0, json: JSON.stringify(value), value, mergeKey: value.message_id } satisfies RawRecord
    }
  },
}

/** The messages of a file, a character for each byte. */
async function* messagesOf(
  blocks: AsyncIterable<string>,
  fileName: string,
  issues: IssueLog,
): AsyncGenerator<{ text: string; line: number }> {
  let lines: string[] = []
  let size = 0
  let start = 1
  let afterBlank = true
  const message = () => {
    if (size <= MOST_BYTES) return lines.length === 0 ? [] : [{ text: lines.join('\n'), line: start }]
    issues.add('bad-line', `${fileName}:${start}`, `a message of more than ${MOST_BYTES} bytes`)
    return []
  }
  for await (const batch of readLines(blocks, fileName, issues)) {
    for (const { text, number } of batch) {
      if (afterBlank && START.test(text)) {
        yield* message()
        lines = []
        size = 0
        start = number
      } else {
        size += text.length + 1
        // A line of the body that begins so has a mark before it.
        if (size <= MOST_BYTES) lines.push(text.replace(/^>(>*From )/, '$1'))
      }
      afterBlank = text === ''
    }
  }
  yield* message()
}

async function readMessage(text: string) {
  // A message that is forwarded as a part is somebody else's words.
  const mail = await PostalMime.parse(Buffer.from(text, 'latin1'), { rfc822Attachments: true })
  const body = mail.text ?? withoutTags(mail.html ?? '')
  const value = {
    user: mail.from?.address?.toLowerCase(),
    time: sentAt(mail.headers.find(({ key }) => key === 'date')?.value),
    text: [mail.subject ?? '', ownWords(body)].filter((part) => part !== '').join('\n'),
    name: mail.from?.name || undefined,
    to: mail.to?.map(({ address }) => address).join(', '),
    subject: mail.subject,
    message_id: mail.messageId,
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, cleanCharacters(part)])) as typeof value
}

/** A signature begins (RFC 3676, 4.3), or a message that the program put below the sender's words. */
const ENDS = /^--\s?$|^\s*-{2,}\s*(?:original|forwarded) message\s*-{2,}\s*$/i

/** What the sender wrote: without quoted lines, the line that says whose they are, and what stands below. */
function ownWords(body: string): string {
  const lines = body.split(/\r?\n/)
  const end = lines.findIndex((line) => ENDS.test(line))
  let beforeQuote = false
  const own: string[] = []
  for (const line of lines.slice(0, end < 0 ? undefined : end).reverse()) {
    if (line.startsWith('>')) beforeQuote = true
    else if (line.trim() !== '') {
      if (!beforeQuote || !line.trimEnd().endsWith(':')) own.push(line)
      beforeQuote = false
    } else own.push(line)
  }
  return own.reverse().join('\n').trim()
}

/**
 * A header's date as ISO 8601, read by the rules of all logs: those of JavaScript would take a date without a zone for one
 * of this machine's. Years of two digits are as in RFC 2822, 4.3. What is no date stays, to be counted.
 */
function sentAt(date: string | undefined): string | undefined {
  const written = date?.replace(
    /^((?:\w+,?\s+)?\d{1,2}\s+[a-z]{3,9}\s+)(\d{2})(?=\s)/i,
    (_, day: string, year: string) => {
      return `${day}${Number(year) < 50 ? 20 : 19}${year}`
    },
  )
  const time = written === undefined ? undefined : parseTime(written)
  return time === undefined ? date : new Date(time).toISOString()
}

/** Named characters that mail programs write, besides letters with a mark. */
const ENTITIES: Record<string, string> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ', apos: "'", lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”' },
  ...{ ndash: '–', mdash: '—', hellip: '…', bull: '•', middot: '·', laquo: '«', raquo: '»', euro: '€', pound: '£' },
  ...{ szlig: 'ß', aelig: 'æ', AElig: 'Æ', oelig: 'œ', OElig: 'Œ', oslash: 'ø', Oslash: 'Ø', iexcl: '¡', iquest: '¿' },
}
/** Marks on a letter, as in `&eacute;`, by the characters that put them on the one before. */
const MARKS: Record<string, string> = {
  ...{ grave: '\u0300', acute: '\u0301', circ: '\u0302', tilde: '\u0303', uml: '\u0308', ring: '\u030a' },
  ...{ cedil: '\u0327', caron: '\u030c' },
}
/** What stands in these is no word of the sender's. */
const PASSED_OVER = /^(style|script|title|blockquote)$/i
const BREAKS = /^(br|hr|p|div|table|tr|[ou]l|li|h\d)$/i
const CELLS = /^t[dh]$/i

/** The words of a message that was sent as a page only. */
function withoutTags(html: string): string {
  let text = ''
  let inside = 0
  // A comment ends at its first mark, whatever stands in it.
  const [first, ...commented] = html.split('<!--')
  const shown = commented.map((part) => (part.includes('-->') ? part.slice(part.indexOf('-->') + 3) : ''))
  for (const part of [first, ...shown].join('').split(/(<[^<>]*>)/)) {
    const isTag = part.startsWith('<') && part.endsWith('>')
    const [, closes = '', name = ''] = (isTag && /^<(\/?)(\w+)/.exec(part)) || []
    if (PASSED_OVER.test(name)) inside = Math.max(0, inside + (closes ? -1 : 1))
    else if (inside > 0) continue
    // Not all that begins on a line of its own is closed.
    else if (BREAKS.test(name)) text += text.endsWith('\n') && !/^br$/i.test(name) ? '' : '\n'
    else if (CELLS.test(name)) text += ' '
    else if (!isTag) text += part
  }
  return text
    .replace(/&#(?:x([\da-f]{1,5})|(\d{1,6}));/gi, (_, hex: string, code: string) =>
      String.fromCodePoint(hex === undefined ? Number(code) : Number.parseInt(hex, 16)),
    )
    .replace(/&([a-z])(grave|acute|circ|tilde|uml|ring|cedil|caron);/gi, (_, letter: string, mark: string) =>
      `${letter}${MARKS[mark.toLowerCase()]}`.normalize('NFC'),
    )
    .replace(/&(\w{1,6});/g, (entity, name: string) => ENTITIES[name] ?? entity)
}
