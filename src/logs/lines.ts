// Text blocks -> lines with their numbers: what JSON Lines and CSV are read from.
import type { IssueLog } from './issues.ts'

export interface Line {
  text: string
  /** What ended it, as a field that goes on over several lines holds it; \n in a file of old Macs, too. */
  end: '\n' | '\r\n'
  /** From 1. */
  number: number
}

/** Characters of the longest line that is read; a longer one is counted and passed over without being held. */
const MAX_LINE = 32 * 1024 * 1024

/** Old Macs ended lines so. A file is theirs where its first block has such ends and no others, but for its very end. */
const ONLY_RETURNS = /^[^\n]*\r[^\n]+\n*$/

/** Streams lines in batches (one per block), without their line ends: \n, \r\n or, for a whole file, \r. */
export async function* readLines(
  blocks: AsyncIterable<string>,
  name: string,
  issues: IssueLog,
  maxLine = MAX_LINE,
): AsyncGenerator<Line[]> {
  let rest = ''
  let number = 1
  let tooLong = false
  const close = (batch: Line[], text: string) => {
    if (tooLong || text.length > maxLine) {
      issues.add('bad-line', `${name}:${number}`, `longer than ${maxLine} characters`)
    } else if (text.endsWith('\r')) batch.push({ text: text.slice(0, -1), end: '\r\n', number })
    else batch.push({ text, end: '\n', number })
    tooLong = false
    number++
  }
  let end: string | undefined
  for await (const block of blocks) {
    const batch: Line[] = []
    if (end === undefined && block.length > 1) end = ONLY_RETURNS.test(block) ? '\r' : '\n'
    const parts = block.split(end ?? '\n')
    parts[0] = rest + parts[0]
    rest = parts.pop() ?? ''
    for (const part of parts) close(batch, part)
    if (rest.length > maxLine) {
      tooLong = true
      rest = ''
    }
    yield batch
  }
  const last: Line[] = []
  if (rest !== '' || tooLong) close(last, rest)
  yield last
}
