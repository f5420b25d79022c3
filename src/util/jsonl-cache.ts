// A cache in a JSONL file that is read once and grows with the work: profiles, answers and scores are kept in one, so
// that an interrupted command goes on where it stopped.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { BumpError } from './errors.ts'
import { writeFileAtomic } from './files.ts'

/** What the lines of a cache are. */
export interface JsonlCacheFormat<Entry> {
  /** The entry of a line's JSON value, or undefined where the value is none. May throw, which means the same. */
  parse(value: unknown): Entry | undefined
  /** What an entry is found by. Of two entries with one key the later counts. */
  key(entry: Entry): string
  /** The JSON value of an entry's line; default the entry itself. */
  line?(entry: Entry): unknown
  /** Message for a line that `parse` does not know; `at` is `file:line`. */
  damaged(at: string): string
}

/** Entries by key, in memory and in a file. One process at a time may have the file open (util/lock.ts). */
export class JsonlCache<Entry> {
  private readonly entries = new Map<string, Entry>()

  /**
   * Opens `path`, which is made where it is not there. A last line without its newline (an interrupted write) is cut
   * off. Throws a BumpError (`file-unusable`) with the format's `damaged` message for any other line that is no entry.
   */
  constructor(
    private readonly path: string,
    private readonly format: JsonlCacheFormat<Entry>,
  ) {
    if (!existsSync(path)) writeFileAtomic(path, '')
    const content = readFileSync(path, 'utf8')
    const whole = content.slice(0, content.lastIndexOf('\n') + 1)
    for (const [i, line] of whole.split('\n').entries()) {
      if (line.trim() === '') continue
      const entry = this.parsed(line)
      if (entry === undefined) throw new BumpError('file-unusable', format.damaged(`${path}:${i + 1}`))
      this.entries.set(format.key(entry), entry)
    }
    if (whole !== content) writeFileAtomic(path, whole)
  }

  /** The entry of this key, or undefined. */
  get(key: string): Entry | undefined {
    return this.entries.get(key)
  }

  /** All entries, in the order of the file. */
  all(): Entry[] {
    return [...this.entries.values()]
  }

  /** Appends entries to the file, in one write. */
  add(...entries: readonly Entry[]): void {
    appendFileSync(this.path, this.lines(entries))
    for (const entry of entries) this.entries.set(this.format.key(entry), entry)
  }

  /**
   * Leaves exactly these entries, in this order; a reader of the file sees the old or the new content, never a part.
   */
  replace(entries: readonly Entry[]): void {
    writeFileAtomic(this.path, this.lines(entries))
    this.entries.clear()
    for (const entry of entries) this.entries.set(this.format.key(entry), entry)
  }

  private parsed(line: string): Entry | undefined {
    try {
      return this.format.parse(JSON.parse(line))
    } catch {
      return undefined
    }
  }

  private lines(entries: readonly Entry[]): string {
    const { line = (entry: Entry): unknown => entry } = this.format
    return entries.map((entry) => `${JSON.stringify(line(entry))}\n`).join('')
  }
}
