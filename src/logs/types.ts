// The canonical form of interaction logs: what every source is turned into and everything downstream reads.

/** One timestamped text record of a user. */
export interface Interaction {
  text: string
  /** Milliseconds since 1970, or undefined where the log has no time (then file order counts). */
  time: number | undefined
  /** Other columns of the source, as they came; whole numbers beyond 2^53 are text. */
  metadata: Record<string, unknown>
}

/** A user after the chronological split (docs/method.md §2). */
export interface User {
  id: string
  /** Earlier interactions, oldest first: all that the profile generator sees. */
  history: Interaction[]
  /** Later interactions, oldest first, never shown to the generator. */
  heldOut: Interaction[]
}

/** Users split by user: validation and test measure profiles of people never trained on. */
export interface UserSplit {
  train: User[]
  validation: User[]
  test: User[]
}

/** How CSV and TSV are written, where the file itself is not to decide. */
export interface SeparatedOptions {
  /** What stands between fields. */
  delimiter?: string
  /** The character around fields; empty where quotes are letters. */
  quote?: string
  /** The character before a quote that is a letter; empty where such quotes are doubled. */
  escape?: string
  /** Line of the header; 0 where there is none, so that columns are column0, column1 and so on. */
  headerLine?: number
  /**
   * Names of the columns, one for each field, where no line has them. A first line of these very names is the header
   * all the same; with `headerLine` they stand in place of what that line says.
   */
  columns?: string[]
}

/** Where interactions come from and which of their columns mean what. */
export interface LogSource extends SeparatedOptions {
  /**
   * Files, globs, http(s) addresses or bucket addresses (s3://...); plain, gzip or zstd. With `query` also databases:
   * files of SQLite and postgres:// addresses.
   */
  paths: string[]
  /** SELECT whose rows are the log, where the paths are databases. */
  query?: string
  /** Name of a format (formats/formats.ts); told from name and content where left out. */
  format?: string
  /** Column name or SQL expression over the columns; where left out, a column of a usual name. */
  user?: string
  time?: string
  text?: string
  /**
   * Catalogues that the expressions may join, by the names of their tables: a file, glob or address of any format, such
   * as `{ items: 'movies.csv' }` for `(select title from items where items.id = rows.movie_id)`.
   */
  with?: Record<string, string>
}

/** What can be wrong with a record or a file; issues.ts says what follows from each. */
export type IssueKind =
  | 'unreadable-file'
  | 'truncated-file'
  | 'bad-line'
  | 'encoding'
  | 'not-finite'
  | 'missing-user'
  | 'rounded-user'
  | 'empty-text'
  | 'bad-time'
  | 'missing-time'

/** One kind of problem in the log: how often, and where it was seen first. */
export interface LogIssue {
  kind: IssueKind
  /** What was done with these records. */
  effect: string
  count: number
  /** The first few places, as `file:line: what`. */
  examples: string[]
}

/** What was read, from where, and what was wrong with it. */
export interface LogReport {
  files: {
    name: string
    format: string
    records: number /** How it was read, where that was decided. */
    reading?: string
  }[]
  /** The catalogues of `with`. */
  tables: {
    name: string
    /** With the types of the database. */
    columns: { name: string; type: string }[]
    rows: number
    files: LogReport['files']
  }[]
  /** All columns found, in order of appearance. */
  columns: string[]
  /** The column or expression in use for each part; `time` is undefined for logs in file order. */
  mapping: { user: string; time: string | undefined; text: string }
  /** Records read from the files, bad ones included. */
  records: number
  /** Copies of a record that its format holds in several places, beyond the first. */
  merged: number
  interactions: number
  users: number
  issues: LogIssue[]
  /** What was decided from the logs where they could be read in several ways, and how to say otherwise. */
  notes: string[]
}

/** All interactions of one user, oldest first. */
export interface UserLog {
  id: string
  interactions: Interaction[]
}
