// How long a server asks to wait, in the forms in which servers say so. Used by server.ts.

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** One number with its unit, as in "1m30.5s" and "2 minutes". */
const PART =
  /(\d+(?:\.\d+)?)\s*(milliseconds?|ms|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?|rs?)?|d(?:ays?)?)(?![a-z])\s*/giy

/**
 * Milliseconds that a refusal asks to wait: by `retry-after-ms`, by `retry-after` (seconds, a date, or a duration such
 * as "20s" or "1m30s"), else by its words ("try again in 1.5s", "retryDelay": "34s"). Undefined where it does not say.
 */
export function waitOf(headers: Headers, words: string): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const value = headers.get(name)?.trim()
    if (value && Number.isFinite(Number(value))) return Math.max(0, Number(value))
  }
  const header = headers.get('retry-after')?.trim()
  const said = header ? fromHeader(header) : undefined
  if (said !== undefined) return Math.max(0, said)
  const inWords = /(?:(?:try again|retry) (?:in|after)|retryDelay\\?"\s*:\s*\\?")\s*(\d[^"'\\,;)]*)/i.exec(words)
  return inWords ? durationAtStart(inWords[1]) : undefined
}

function fromHeader(text: string): number | undefined {
  if (Number.isFinite(Number(text))) return Number(text) * 1000
  const duration = durationAtStart(text)
  if (duration !== undefined) return duration
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : date - Date.now()
}

/** Milliseconds of the duration that a text begins with; undefined where it begins with none. */
function durationAtStart(text: string): number | undefined {
  PART.lastIndex = 0
  let total: number | undefined
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    const unit = part[2].toLowerCase()
    total = (total ?? 0) + Number(part[1]) * (/^mi?l|^ms/.test(unit) ? 1 : UNITS[unit[0]])
  }
  return total
}
