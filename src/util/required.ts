// What JavaScript callers leave out, where TypeScript would have said so.
import { BumpError } from './errors.ts'

/** Throws BumpError (`invalid-options`) where a call lacks options that have no default. */
export function requireOptions<T extends object>(call: string, options: T, names: readonly (keyof T & string)[]): void {
  const given: Partial<T> = options ?? {}
  const missing = names.filter((name) => given[name] === undefined || given[name] === null)
  if (missing.length === 0) return
  throw new BumpError('invalid-options', `${call} lacks ${missing.join(', ')}: it needs ${names.join(', ')}`)
}

/** Throws BumpError (`invalid-options`) where a call has an option of another name: misspelt, it would be passed over. */
export function refuseUnknown(call: string, options: object, names: readonly string[]): void {
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const unknown = given.filter((name) => !names.includes(name))
  if (unknown.length === 0) return
  throw new BumpError('invalid-options', `${call}: unknown ${unknown.join(', ')}; there are ${names.join(', ')}`)
}
