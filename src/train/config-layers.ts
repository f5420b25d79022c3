// From YAML files, presets, flags and programs to one resolved configuration. Each layer remembers where its values stand, so
// that every complaint names the file and line or the flag.
import { closest, distance } from 'fastest-levenshtein'
import { isMap, LineCounter, parseDocument, type YAMLMap } from 'yaml'
import { z } from 'zod'
import { BumpError } from '../util/errors.ts'

type Values = Record<string, unknown>
type Path = readonly (string | number)[]

/** Values of one source; later layers win over earlier ones. */
export interface Layer {
  values: Values
  /** Where the value at a path was written, for messages: `train.yaml:12`, `--steps`. */
  where: (path: Path) => string
}

/** Values that no flag or file wrote, with the place that messages name. */
export function fixedLayer(values: Values, place: string): Layer {
  return { values, where: () => place }
}

/** Layer of a YAML document. Throws BumpError (`invalid-options`) where it is no mapping. */
export function yamlLayer(text: string, file: string): Layer {
  const lines = new LineCounter()
  const document = parsedYaml(text, lines, file)
  if (document.errors.length > 0) {
    const [problem] = document.errors
    const { line } = lines.linePos(problem.pos[0])
    const what = problem.code === 'MULTIPLE_DOCS' ? 'one document is expected' : problem.message.split('\n')[0]
    throw configError(`${file}:${line}: not valid YAML: ${what}`)
  }
  const root = document.contents
  if (root === null) return { values: {}, where: () => file }
  if (!isMap(root)) throw configError(`${file}: a configuration is a mapping of names to values, this is not one`)
  let values: unknown
  try {
    values = document.toJS()
  } catch (error) {
    throw configError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  return {
    values: values as Values,
    where: (path) => `${file}:${lines.linePos(keyOffset(root, path)).line}`,
  }
}

/** The parser calls itself for every level, and where these are too many it does not always say so itself. */
function parsedYaml(text: string, lineCounter: LineCounter, file: string): ReturnType<typeof parseDocument> {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw configError(`${file}: not valid YAML: it is nested too deep`)
  }
}

/** Offset of the deepest key along `path` that the document has. */
function keyOffset(root: YAMLMap, path: Path): number {
  let map: unknown = root
  let offset = root.range?.[0] ?? 0
  for (const part of path) {
    if (!isMap(map)) break
    const pair = map.items.find(({ key }) => String(key) === String(part))
    if (!pair) break
    const key = pair.key as { range?: [number, number, number] }
    offset = key.range?.[0] ?? offset
    map = pair.value
  }
  return offset
}

/** Sets the value at a path of nested sections; false where something on the way is no section. */
export function assign(values: Values, path: readonly string[], value: unknown): boolean {
  let at = values
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(at, part)) define(at, part, {})
    const next = at[part]
    if (!isPlain(next)) return false
    at = next
  }
  define(at, path[path.length - 1], value)
  return true
}

/** Sets an own property, whatever its name. */
function define(target: Values, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function isPlain(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys that say which variant a section is: `reward.type`, `judge.scorer`. */
const KINDS = ['type', 'scorer']

/**
 * The layers' values, later ones over earlier ones. A section of another kind (`type`, `scorer`) replaces the one
 * below, unless that one names none; lists are always replaced.
 */
export function mergeLayers(layers: readonly Layer[]): Values {
  return layers.reduce<Values>((under, { values }) => merge(under, values), {})
}

function merge(under: Values, over: Values): Values {
  const merged: Values = {}
  for (const key of Object.keys(under)) define(merged, key, under[key])
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(merged, key) ? merged[key] : undefined
    const sameType =
      isPlain(below) &&
      isPlain(value) &&
      KINDS.every((kind) => value[kind] === undefined || below[kind] === undefined || value[kind] === below[kind])
    define(merged, key, sameType ? merge(below as Values, value as Values) : value)
  }
  return merged
}

/**
 * The layers merged, checked and completed with defaults. Throws one BumpError (`invalid-options`) that lists every
 * problem with its place; an unknown key comes with the nearest valid name.
 */
export function resolveLayers<S extends z.ZodType>(schema: S, layers: readonly Layer[]): z.infer<S> {
  const problems: string[] = []
  for (const layer of layers)
    for (const { path, valid } of unknownKeys(schema, layer.values, []))
      problems.push(`${layer.where(path)}: unknown key ${path.join('.')}${suggestion(String(path.at(-1)), valid)}`)
  if (problems.length > 0) throw configError(problems.join('\n'))
  const result = schema.safeParse(mergeLayers(layers))
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
    const source = layers.findLast((layer) => holds(layer.values, path))
    const name = path.length > 0 ? `${path.join('.')}: ` : ''
    problems.push(`${source ? `${source.where(path)}: ` : ''}${name}${explain(issue, source === undefined)}`)
  }
  throw configError(problems.join('\n'))
}

function explain(issue: z.core.$ZodIssue, absent: boolean): string {
  if (absent && (issue.code === 'invalid_type' || issue.code === 'invalid_union'))
    return issue.message.startsWith('Invalid input') ? 'is required' : issue.message
  if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')} does not belong to this type`
  // A variant that holds where no type is given makes zod list the absence of one as a choice.
  return issue.message.replace(/^Invalid (input|option|discriminator value)[:.] /i, '').replace("'undefined' | ", '')
}

function holds(values: unknown, path: Path): boolean {
  let at = values
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return false
    at = (at as Values)[part]
  }
  return true
}

function suggestion(key: string, valid: readonly string[]): string {
  if (valid.length === 0) return ''
  const lower = new Map(valid.map((name) => [name.toLowerCase(), name]))
  const nearest = lower.get(closest(key.toLowerCase(), [...lower.keys()]))!
  if (distance(key.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, key.length / 2))
    return `; did you mean ${nearest}?`
  return `; valid here: ${valid.join(', ')}`
}

/** Keys in `value` that no variant of the schema knows, each with the names that are valid in its place. */
function unknownKeys(schema: z.core.$ZodType, value: unknown, path: Path): { path: Path; valid: string[] }[] {
  if (Array.isArray(value)) {
    const list = bare(schema)
    if (!(list instanceof z.ZodArray)) return []
    return value.flatMap((each: unknown, i) => unknownKeys(list.element, each, [...path, i]))
  }
  if (!isPlain(value)) return []
  const shapes = objectShapes(schema)
  if (shapes.length === 0) return []
  const valid = [...new Set(shapes.flatMap((shape) => Object.keys(shape)))]
  return Object.keys(value).flatMap((key) => {
    const here = [...path, key]
    if (!valid.includes(key)) return [{ path: here, valid }]
    const inner = shapes.find((shape) => Object.hasOwn(shape, key))!
    return unknownKeys(inner[key], value[key], here)
  })
}

/** Shapes of the object, or of every variant of the union, under defaults and optionals. */
function objectShapes(schema: z.core.$ZodType): Record<string, z.core.$ZodType>[] {
  const inner = bare(schema)
  if (inner instanceof z.ZodObject) return [inner.shape]
  return inner instanceof z.ZodUnion ? inner.options.flatMap(objectShapes) : []
}

/** The schema under defaults and optionals. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
  return wrapped ? bare(schema.def.innerType) : schema
}

function configError(message: string): BumpError {
  return new BumpError('invalid-options', message)
}
