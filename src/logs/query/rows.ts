// Rows of a query in a database, as lines of JSON: the form in which both kinds of database give them on.
import { isUtf8 } from 'node:buffer'
import { createWriteStream, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BumpError } from '../../util/errors.ts'

/** Rows that are held at once. */
export const BATCH = 1000

/** Writes batches of lines into a file below `folder`, and returns its path. */
export async function writeRows(batches: AsyncIterable<string[]>, folder: string): Promise<string> {
  const path = join(mkdtempSync(join(folder, 'query-')), 'rows.jsonl')
  const texts = async function* () {
    for await (const lines of batches) yield lines.map((line) => `${line}\n`).join('')
  }
  await pipeline(Readable.from(texts()), createWriteStream(path))
  return path
}

/** Makes a line of a row's values, each JSON already. Throws BumpError where two columns have one name. */
export function lineWriter(columns: readonly string[]): (values: readonly string[]) => string {
  const twice = columns.find((name, i) => columns.indexOf(name) < i)
  if (twice !== undefined)
    throw new BumpError('logs-unusable', `the query gives two columns called ${twice}: name them apart with AS`)
  const keys = columns.map((name) => JSON.stringify(name))
  return (values) => `{${values.map((value, i) => `${keys[i]}:${value}`).join(',')}}`
}

/** Bytes as a JSON string: the text that they spell in UTF-8, else their hexadecimal digits. */
export const bytesJson = (bytes: Uint8Array): string =>
  JSON.stringify(Buffer.from(bytes).toString(isUtf8(bytes) ? 'utf8' : 'hex'))

/** A query without a semicolon at its end, so that it can stand within another one. */
export const bareQuery = (query: string): string => query.replace(/[\s;]+$/, '')
