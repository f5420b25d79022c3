// Long lists in queries: databases bound the parameters of one.

/** Rows of the widest table times this stays below the 32,766 parameters of SQLite. */
const CHUNK = 1000

/** `work` on one piece of a list after the other. */
export async function inChunks<T>(list: readonly T[], work: (some: T[]) => Promise<void>): Promise<void> {
  for (let start = 0; start < list.length; start += CHUNK) await work(list.slice(start, start + CHUNK))
}
