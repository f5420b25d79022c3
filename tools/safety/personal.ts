// Recall and precision of `redact`, by kind and by language, on the labelled texts.
import { PERSONAL_KINDS, redact } from '../../src/safety/redact.ts'
import { type Labelled, labelledTexts } from './labelled.ts'

export interface Counts {
  /** Labelled places of the kind, and those of which less than a fifth of the characters is left. */
  labelled: number
  removed: number
  /** Places that were taken out as this kind, and those where nothing personal stands. */
  taken: number
  wrongly: number
}

export interface PersonalResult {
  byKind: Map<string, Counts>
  byLocale: Map<string, Counts>
  /** What stayed that should have gone, and what went that should have stayed, one line each. */
  missed: string[]
  wrong: string[]
}

/** What may be left of a place that counts as removed: "St." behind a street is no harm. */
const LEFT = 0.2

/** Redacts every text of a file of labelled texts and counts. */
export function measurePersonal(file: string): PersonalResult {
  const result: PersonalResult = { byKind: new Map(), byLocale: new Map(), missed: [], wrong: [] }
  for (const labelled of labelledTexts(file)) {
    const taken = takenOut(labelled.text)
    for (const span of labelled.spans) {
      const covered = taken.reduce((sum, other) => sum + overlap(span, other), 0)
      const removed = covered >= (1 - LEFT) * (span.end - span.start)
      for (const counts of countsOf(result, span.kind, labelled)) {
        counts.labelled++
        if (removed) counts.removed++
      }
      if (!removed) result.missed.push(`${span.kind}: ${labelled.text}`)
    }
    for (const place of taken) {
      const wrong = !labelled.spans.some((span) => overlap(span, place) > 0)
      for (const counts of countsOf(result, place.kind, labelled)) {
        counts.taken++
        if (wrong) counts.wrongly++
      }
      if (wrong) result.wrong.push(`${place.kind}: ${labelled.text}`)
    }
  }
  return result
}

interface Place {
  kind: string
  start: number
  end: number
}

function overlap(a: { start: number; end: number }, b: { start: number; end: number }): number {
  return Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start))
}

/** Where a text lost something, by what stands between the placeholders. */
function takenOut(text: string): Place[] {
  const parts = redact(text).text.split(new RegExp(`\\[(${PERSONAL_KINDS.join('|')})\\]`))
  const places: Place[] = []
  let at = 0
  for (let i = 0; i < parts.length; i += 2) {
    const start = i === parts.length - 1 ? text.length - parts[i].length : text.indexOf(parts[i], at)
    if (i > 0) places.push({ kind: parts[i - 1], start: at, end: start })
    at = start + parts[i].length
  }
  return places
}

function countsOf({ byKind, byLocale }: PersonalResult, kind: string, { locale }: Labelled): Counts[] {
  return [
    [byKind, kind],
    [byLocale, locale],
  ].map(([table, key]) => {
    const counts = (table as Map<string, Counts>).get(key as string) ?? {
      labelled: 0,
      removed: 0,
      taken: 0,
      wrongly: 0,
    }
    ;(table as Map<string, Counts>).set(key as string, counts)
    return counts
  })
}
