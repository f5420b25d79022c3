// What a command prints. Profiles, records and names come from models and from other people's files: their control
// characters must not steer the terminal.
import pc from 'picocolors'

/** The text without control characters but line breaks and tabs, and without marks that turn the direction of text. */
export function plain(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ')
}

/** Prints results, as they are but plain, to stdout. */
export function print(text: string): void {
  lines.end()
  process.stdout.write(plain(text))
}

/** A passing line is written to a log once in so many milliseconds. */
const PASSING_MS = 10_000
/** To the beginning of the line, and all of it away. */
const CLEAR = '\r\u001b[K'

/**
 * Lines about the work. A passing one, of which the next says more, is drawn over by the next line on a terminal; in a
 * log it is left out where one was written a moment ago.
 */
export class Lines {
  private drawn = false
  private written: number

  constructor(
    private readonly stream: () => Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>,
    private readonly now: () => number = Date.now,
  ) {
    this.written = now()
  }

  readonly say = (line: string, passing = false): void => {
    const stream = this.stream()
    const text = plain(line)
    if (passing && stream.isTTY && stream.columns > 0) {
      stream.write(`${CLEAR}${text.slice(0, stream.columns - 1)}`)
      this.drawn = true
      return
    }
    if (passing && this.now() - this.written < PASSING_MS) return
    this.end()
    stream.write(`${text}\n`)
    this.written = this.now()
  }

  /** Takes away a passing line that is drawn. */
  end(): void {
    if (this.drawn) this.stream().write(CLEAR)
    this.drawn = false
  }
}

const lines = new Lines(() => process.stderr)

/** Prints a line about the work to stderr. */
export const say = lines.say

/** Prints what ended a command to stderr. */
export function sayError(message: string): void {
  lines.end()
  process.stderr.write(`${pc.red('error:')} ${plain(message)}\n`)
}
