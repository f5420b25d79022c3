// Two libraries with large tables, loaded when they are first needed: most programs never redact.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

type Phones = typeof import('libphonenumber-js/max')
type Validator = typeof import('validator').default

let phoneTables: Phones | undefined
let checks: Validator | undefined

/** Google's tables of telephone numbers. */
export function phones(): Phones {
  phoneTables ??= require('libphonenumber-js/max') as Phones
  return phoneTables
}

/** Checksums of cards, accounts and national ids. */
export function validator(): Validator {
  checks ??= require('validator') as Validator
  return checks
}
