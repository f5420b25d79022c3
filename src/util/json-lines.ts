// JSONL files that grow with the work and are read once at its next start: caches of profiles, answers and scores.
import { existsSync, readFileSync } from 'node:fs'
import { BumpError } from './errors.ts'
import { writeFileAtomic } from './files.ts'

/**
 * The entries of a file that is about to be appended to; it is made where it is not there. A last line without its newline
 * (an interrupted write) is cut off. Any other line that `parse` does not know is a BumpError: `damaged` of file and line.
 */
export function openJsonLines<T>(
  path: string,
  parse: (value: unknown) => T | undefined,
  damaged: (where: string) => string,
): T[] {
  if (!existsSync(path)) writeFileAtomic(path, '')
  const content = readFileSync(path, 'utf8')
  const whole = content.slice(0, content.lastIndexOf('\n') + 1)
  const entries = whole.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const entry = parsed(line, parse)
    if (entry === undefined) throw new BumpError('file-unusable', damaged(`${path}:${i + 1}`))
    return [entry]
  })
  if (whole !== content) writeFileAtomic(path, whole)
  return entries
}

function parsed<T>(line: string, parse: (value: unknown) => T | undefined): T | undefined {
  try {
    return parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
