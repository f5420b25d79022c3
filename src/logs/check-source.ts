// What JavaScript callers write otherwise than a source of logs, where TypeScript would have said so.
import { BumpError } from '../util/errors.ts'
import { refuseUnknown } from '../util/required.ts'
import type { LogSource } from './types.ts'

const text = { what: 'a text', is: (value: unknown) => typeof value === 'string' }
const texts = { what: 'a list of texts', is: (value: unknown) => Array.isArray(value) && value.every(text.is) }
const count = { what: 'a number', is: (value: unknown) => typeof value === 'number' }
const tables = {
  what: 'an object of files by the names of their tables',
  is: (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(text.is),
}
const KINDS = {
  ...{ paths: texts, query: text, format: text, user: text, time: text, text, with: tables },
  ...{ delimiter: text, quote: text, escape: text, headerLine: count, columns: texts },
} satisfies Record<keyof LogSource, { what: string; is: (value: unknown) => boolean }>

/** Throws BumpError (`invalid-options`) where an option is unknown, and would be passed over, or of another kind. */
export function checkSource(call: string, source: LogSource): void {
  refuseUnknown(call, source, Object.keys(KINDS))
  for (const [name, { what, is }] of Object.entries(KINDS)) {
    const value: unknown = source[name as keyof LogSource]
    if (value !== undefined && !is(value)) throw new BumpError('invalid-options', `${call}: ${name} is not ${what}`)
  }
}
