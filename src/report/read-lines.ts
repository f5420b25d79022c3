// JSONL files of a run, streamed: they may be larger than memory, cut short by a kill, or damaged.
import { createReadStream, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * Calls `take` with every line that is a JSON object; `take` returns false for a record that is not what it expects.
 * Returns a note for the reader of the report where the file is missing, unreadable or has lines that were left out;
 * undefined where all is well.
 */
export async function readJsonLines(
  path: string,
  take: (record: Record<string, unknown>) => boolean,
): Promise<string | undefined> {
  const name = basename(path)
  if (!existsSync(path)) return `${name} is not there.`
  const left: number[] = []
  let number = 0
  let taken = 0
  try {
    for await (const line of createInterface({
      input: createReadStream(path, 'utf8'),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      number++
      if (line.trim() === '') continue
      const record = parseObject(line)
      if (record !== undefined && take(record)) taken++
      else left.push(number)
    }
  } catch (error) {
    return `${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}).`
  }
  if (left.length === 0) return undefined
  const lines = left.length === 1 ? `line ${left[0]} is` : `${left.length} lines (the first: line ${left[0]}) are`
  return `${name}: ${lines} damaged and left out; ${taken} lines are shown.`
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
