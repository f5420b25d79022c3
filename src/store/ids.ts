// Ids and digests: random ones, ones that sort by time, and HMACs that stand in the place of what was deleted.
import { createHmac, randomBytes } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Bytes from here on would make the first letters likelier. */
const FAIR = 256 - (256 % ALPHABET.length)

/** Random letters and digits; 43 of them hold 256 bits. */
export function randomLetters(length: number): string {
  let out = ''
  while (out.length < length)
    for (const byte of randomBytes(length))
      if (byte < FAIR && out.length < length) out += ALPHABET[byte % ALPHABET.length]
  return out
}

/** A new id that sorts after those of earlier milliseconds. */
export const timedId = (now: number): string => `${now.toString(36).padStart(9, '0')}${randomBytes(6).toString('hex')}`

/**
 * HMAC of a user, or of an interaction of a user, under the project's secret: tells that it is the same, and no more.
 */
export const hmacOf = (secret: string, ...ids: string[]): string =>
  createHmac('sha256', secret).update(JSON.stringify(ids)).digest('hex')
