// The table of log formats. To add one: a file beside this one, and its line here.
import { BumpError } from '../../util/errors.ts'
import { chatgpt } from './chatgpt.ts'
import { csv } from './csv.ts'
import type { LogFormat } from './format.ts'
import { json } from './json.ts'
import { jsonl } from './jsonl.ts'
import { parquet } from './parquet.ts'
import { queryRows } from './query.ts'
import { tsv } from './tsv.ts'

/** In the order in which they are asked whether a file is theirs. */
const BUILT_IN: readonly LogFormat[] = [jsonl, chatgpt, json, tsv, csv, parquet]

const added: LogFormat[] = []

/**
 * Makes a format known, for a room above this one or a program of your own. Throws a BumpError where another format has
 * its name; adding the same one again changes nothing.
 */
export function addLogFormat(format: LogFormat): void {
  const same = logFormats().find(({ name }) => name === format.name)
  if (same === format) return
  if (same !== undefined)
    throw new BumpError('invalid-options', `there is a log format called "${format.name}" already: choose another name`)
  added.push(format)
}

/** All formats, in the order in which they are asked whether a file is theirs: those that were added come first. */
export function logFormats(): readonly LogFormat[] {
  return [...added, ...BUILT_IN]
}

/** The names that `logs.format` may have. */
export function logFormatNames(): string[] {
  return [...BUILT_IN, ...added].map(({ name }) => name)
}

/** The format of this name. Throws a BumpError that lists the names where there is none. */
export function logFormatNamed(name: string): LogFormat {
  const format = [...logFormats(), queryRows].find((known) => known.name === name)
  if (format !== undefined) return format
  throw new BumpError('invalid-options', `unknown log format "${name}": one of ${logFormatNames().join(', ')}`)
}

/** Whether a format writes all values as text, so that a number may have been written in several ways. */
export const isUntyped = (format: LogFormat): boolean => format.type === 'text' && (format.untyped ?? false)
