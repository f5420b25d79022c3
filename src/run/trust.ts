// A run folder of somebody else may bring SQL expressions along, files for them to join and a query of databases. They
// are taken only where the caller trusts them, or has used them on this machine before: digests of those of one's own
// runs are kept in the cache.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { bareAddresses } from '../util/address.ts'
import { BumpError } from '../util/errors.ts'
import { cacheFolder, sha256 } from '../util/files.ts'

/**
 * The parts of a mapping: column names or SQL expressions, the files that these join, by their tables, and a query with
 * the databases that it is sent to.
 */
export interface MappingParts {
  paths?: string[]
  testPaths?: string[]
  query?: string
  user?: string
  time?: string
  text?: string
  with?: Record<string, string>
}

const PARTS = ['user', 'time', 'text'] as const
/** A name without white space, brackets, quotes or operators computes nothing. */
const COLUMN_NAME = /^[\p{L}\p{N}_$.-]+$/u

/** The parts that are more than a column's name: `['text', 'a || b']`, `['with.items', 'movies.csv']`. */
export function expressionsOf(mapping: MappingParts): [part: string, expression: string][] {
  const expressions = PARTS.flatMap((part): [string, string][] => {
    const written = mapping[part]?.trim()
    return written === undefined || COLUMN_NAME.test(written) ? [] : [[part, written]]
  })
  const { paths = [], testPaths = [], query } = mapping
  if (query !== undefined)
    expressions.push(['query', `${query} (of ${[...paths, ...testPaths].map(bareAddresses).join(', ')})`])
  for (const [name, path] of Object.entries(mapping.with ?? {})) expressions.push([`with.${name}`, bareAddresses(path)])
  return expressions
}

/** What of a mapping stands where the caller's own names nothing in its place. */
export function withoutNamed(mapping: MappingParts, own: MappingParts): MappingParts {
  const tables = Object.entries(mapping.with ?? {}).filter(([name]) => own.with?.[name] === undefined)
  const parts = PARTS.map((part) => [part, own[part] === undefined ? mapping[part] : undefined])
  // A query of one's own would be sent to the other's databases, and the other's query to one's own.
  const { paths, testPaths, query } = { ...mapping, ...defined(own) }
  const databases = own.paths && own.query !== undefined ? {} : { paths, testPaths, query }
  return { ...Object.fromEntries(parts), ...databases, with: Object.fromEntries(tables) }
}

const defined = (mapping: MappingParts): MappingParts =>
  Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== undefined))

/**
 * Throws BumpError with the expressions, files and queries that `place` brings along, unless `trust` is set or runs of
 * this machine's own have used them.
 */
export function refuseUntrusted(mapping: MappingParts, place: string, trust = false): void {
  if (trust) return
  const known = knownDigests()
  const foreign = expressionsOf(mapping).filter(([, expression]) => !known.has(sha256(expression)))
  if (foreign.length === 0) return
  throw new BumpError(
    'invalid-options',
    [
      `${place} names SQL expressions, queries or files for them to join that were never used on this machine:`,
      ...foreign.map(([part, expression]) => `  ${part}: ${expression}`),
      'Read them, then set trust, or name logs, query, user, time, text and with yourself.',
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
