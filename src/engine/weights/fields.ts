// Fields of a JSON object that somebody else wrote, read one by one: errors name the file and the field.
import { BumpError } from '../../util/errors.ts'

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads fields of one JSON object; errors name the file and the field. */
export class Fields {
  readonly json: Json
  readonly where: string

  constructor(json: Json, where: string) {
    this.json = json
    this.where = where
  }

  fail(problem: string): never {
    throw new BumpError('model-unusable', `${this.where}: ${problem}`)
  }

  has(field: string): boolean {
    return this.json[field] !== undefined && this.json[field] !== null
  }

  /** An integer in [1, most]; `fallback` where the field is missing or null. */
  count(field: string, most: number, fallback?: number): number {
    const value = this.has(field) ? this.json[field] : fallback
    if (value === undefined) this.fail(`"${field}" is missing`)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most)
      this.fail(`"${field}" is ${JSON.stringify(value)}, an integer from 1 to ${most} is needed`)
    return value
  }

  /** A finite number above 0 and at most `most`. */
  positive(field: string, most: number, fallback?: number): number {
    const value = this.has(field) ? this.json[field] : fallback
    if (value === undefined) this.fail(`"${field}" is missing`)
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0 || value > most)
      this.fail(`"${field}" is ${JSON.stringify(value)}, a number above 0 and at most ${most} is needed`)
    return value
  }

  /** A list of `length` entries that `allowed` accepts; undefined where the field is missing or null. */
  list<T>(field: string, length: number, allowed: (entry: unknown) => entry is T, what: string): T[] | undefined {
    if (!this.has(field)) return undefined
    const value = this.json[field]
    if (!Array.isArray(value) || value.length !== length || !value.every(allowed))
      this.fail(`"${field}" is not a list of ${length} entries, each ${what}`)
    return value
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.has(field) ? this.json[field] : fallback
    if (typeof value !== 'boolean') this.fail(`"${field}" is ${JSON.stringify(value)}, true or false is needed`)
    return value
  }

  /** Refuses a value other than the only one that is implemented; a missing field is that one. */
  only(field: string, allowed: unknown, why: string): void {
    if (this.has(field) && this.json[field] !== allowed)
      this.fail(`"${field}" is ${JSON.stringify(this.json[field])}: ${why}`)
  }
}

/** The object in a field. */
export function nested(fields: Fields, field: string): Fields {
  const value = fields.json[field]
  if (!isObject(value)) fields.fail(`"${field}" is ${JSON.stringify(value)}, an object is needed`)
  return new Fields(value, `${fields.where}: ${field}`)
}
