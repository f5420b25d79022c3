// A run folder of somebody else may bring SQL expressions along. They are taken only where the caller trusts them, or
// has used them on this machine before: digests of the expressions of one's own runs are kept in the cache.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BumpError } from '../util/errors.ts'
import { cacheFolder, sha256 } from '../util/files.ts'

/** The parts of a mapping, each a column name or an SQL expression. */
export interface MappingParts {
  user?: string
  time?: string
  text?: string
}

const PARTS = ['user', 'time', 'text'] as const
/** A name without white space, brackets, quotes or operators computes nothing. */
const COLUMN_NAME = /^[\p{L}\p{N}_$.-]+$/u

/** The parts that are more than a column's name. */
export function expressionsOf(mapping: MappingParts): [part: string, expression: string][] {
  return PARTS.flatMap((part) => {
    const written = mapping[part]?.trim()
    return written === undefined || COLUMN_NAME.test(written) ? [] : [[part, written] as [string, string]]
  })
}

/**
 * Throws BumpError with the expressions that `place` brings along, unless `trust` is set or runs of this machine's own
 * have used them.
 */
export function refuseUntrusted(mapping: MappingParts, place: string, trust = false): void {
  if (trust) return
  const known = knownDigests()
  const foreign = expressionsOf(mapping).filter(([, expression]) => !known.has(sha256(expression)))
  if (foreign.length === 0) return
  throw new BumpError(
    'invalid-options',
    [
      `${place} names SQL expressions that were never used on this machine:`,
      ...foreign.map(([part, expression]) => `  ${part}: ${expression}`),
      'Read them, then set trust, or name user, time and text yourself.',
    ].join('\n'),
  )
}

/** Keeps in mind that a run of one's own uses these expressions. */
export function rememberExpressions(mapping: MappingParts): void {
  const known = knownDigests()
  const fresh = expressionsOf(mapping)
    .map(([, expression]) => sha256(expression))
    .filter((digest) => !known.has(digest))
  if (fresh.length === 0) return
  mkdirSync(dirname(trustFile()), { recursive: true })
  appendFileSync(trustFile(), fresh.map((digest) => `${digest}\n`).join(''))
}

const trustFile = () => cacheFolder('own-expressions')

function knownDigests(): Set<string> {
  return new Set(existsSync(trustFile()) ? readFileSync(trustFile(), 'utf8').split('\n') : [])
}
