// JSONL files of a run, streamed: they may be larger than memory, cut short by a kill, or damaged.
import { createReadStream, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { parseJson } from '../util/parse-json.ts'

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
    for await (const line of linesOf(path)) {
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

/**
 * The lines of a file, which end at \n alone: JSON writes the other line separators of Unicode as they are, and
 * node:readline takes some of them for ends in newer versions of Node.
 */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parseJson(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
