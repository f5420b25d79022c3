// What a log format is: how a file of it is recognised, and how what the file holds becomes records. Every format is a
// file of this folder and a line of the table in formats.ts; a room above may add one (lamp/log-format.ts does).
import type { Database } from '../database.ts'
import type { IssueLog } from '../issues.ts'
import type { LogFile } from '../text-blocks.ts'
import type { LogReport, SeparatedOptions } from '../types.ts'

/** The names that columns usually have, the most usual first. */
export interface UsualColumns {
  user: readonly string[]
  time: readonly string[]
  text: readonly string[]
}

interface Recognition {
  /** As `logs.format` and messages name it. */
  readonly name: string
  /** As prose names it: 'JSON Lines'. */
  readonly title: string
  /** The characters that a file of this format, and of no other, begins with. */
  readonly magic?: string
  /** Names of files (lower case, without .gz) that are of this format whatever they hold. */
  readonly fileNames?: RegExp
  /** Names of columns that are usual in this format, where they are not those of any log (mapping.ts). */
  readonly usualColumns?: Partial<UsualColumns>
}

/** A format whose text is read here, record by record, so that every bad line keeps its number. */
export interface TextFormat extends Recognition {
  readonly type: 'text'
  /**
   * Whether a file is of this format, judged by its first characters (leading white space left out) and its name (lower
   * case, without .gz). The first format that says so has it, those that were added being asked first.
   */
  recognises(start: string, fileName: string): boolean
  /** True where all values are written as text, so that text which looks like a number is one. */
  readonly untyped?: boolean
  /** The records of one file, from its decoded text in blocks. What is no record goes to `issues` with its place. */
  records(
    blocks: AsyncIterable<string>,
    fileName: string,
    issues: IssueLog,
    context: ReadingContext,
  ): AsyncIterable<RawRecord>
}

/** What is known about a file before it is read, and where to say what its reading decided. */
export interface ReadingContext {
  options: SeparatedOptions
  /** Names, in lower case, that columns usually have. */
  known: ReadonlySet<string>
  /** Names, in lower case, that the caller's user, time and text mention. */
  mapped: ReadonlySet<string>
  /** Something that was decided and could be otherwise, with how to say so. */
  note(text: string): void
  /** How the file was read, in a few words. */
  describe(how: string): void
}

/**
 * A format with columns and types of its own, which the database reads by itself. Its files go with no other format's.
 */
export interface TableFormat extends Recognition {
  readonly type: 'table'
  /** Makes the view `rows` of `Staged`. Throws a BumpError where no file can be read. */
  stage(files: readonly SourceFile[], database: Database, issues: IssueLog): Promise<Staged>
}

export type LogFormat = TextFormat | TableFormat

/** A local file whose format is known. */
export interface SourceFile extends LogFile {
  format: LogFormat
}

/** A record of a text format. */
export interface RawRecord {
  /** Line of the file on which it starts, from 1. */
  line: number
  /** Place in a JSON array, from 1; 0 for formats of lines. */
  element: number
  /** The record as JSON text that the database can parse. */
  json: string
  value: Record<string, unknown>
  /** Equal for the copies of one interaction that a file holds in several places; only the first of them is taken. */
  mergeKey?: string
}

/** What lies in the view `rows`: `_file` (index), `_line`, `_element`, `_record` (JSON of all columns), the columns. */
export interface Staged {
  columns: StagedColumn[]
  /** The files that were read; `records` with those that could not be parsed. */
  files: LogReport['files']
  records: number
  /** Copies that `mergeKey` left out. */
  merged: number
}

export interface StagedColumn {
  name: string
  /** SQL for the column's value as it stood in the file, not converted: what a plain column name means. */
  raw: string
  /** SQL that is true where the value is a number that has a fraction or an exponent; absent where none is. */
  isDecimal?: string
  /** Whether its values are objects or lists; absent where none is. */
  nested?: 'all' | 'some'
}
