// What a command prints. Profiles, records and names come from models and from other people's files: their control
// characters must not steer the terminal.
import pc from 'picocolors'

/** The text without control characters but line breaks and tabs, and without marks that turn the direction of text. */
export function plain(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ')
}

/** Prints results, as they are but plain, to stdout. */
export function print(text: string): void {
  process.stdout.write(plain(text))
}

/** Prints a line about the work to stderr. */
export function say(line: string): void {
  process.stderr.write(`${plain(line)}\n`)
}

/** Prints what ended a command to stderr. */
export function sayError(message: string): void {
  process.stderr.write(`${pc.red('error:')} ${plain(message)}\n`)
}
