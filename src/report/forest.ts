// Tables of intervals with each one drawn beside its numbers as dot and whisker, on a scale that the table shares.
// The drawing is hidden from screen readers: the numbers say the same.
import type { Interval } from '../util/stats.ts'
import { formatDifference, formatInterval, formatNumber, formatScore } from './format.ts'
import { type Html, html } from './html.ts'

export interface ForestRow {
  label: string
  interval: Interval
  /** Further text beside the numbers. */
  note?: string
}

export interface Forest {
  caption: string
  rows: readonly ForestRow[]
  /** A vertical line through all rows. */
  reference?: { label: string; value: number }
  /** Differences have signs, and a filled dot where the interval leaves zero out. */
  difference?: boolean
  /** Heading of the first column. */
  heading: string
}

/** One metric of several conditions, or of several differences. */
export function forestTable({ caption, rows, reference, difference, heading }: Forest): Html {
  const place = scale(rows, reference?.value)
  const numbers = difference ? formatDifference : formatInterval
  const body = rows.map(
    ({ label, interval, note }) => html`<tr>
<th scope="row">${label}</th>
<td class="numbers">${parts(numbers(interval))}${note !== undefined && html`<span class="note">${note}</span>`}</td>
<td class="drawing" aria-hidden="true">${whisker(interval, place, reference?.value, difference === true)}</td>
</tr>
`,
  )
  return html`<table class="forest">
<caption>${caption}</caption>
<thead><tr><th scope="col">${heading}</th><th scope="col" class="numbers">mean [95 % interval]</th><td></td></tr></thead>
<tbody>
${body}</tbody>
<tfoot aria-hidden="true"><tr><td colspan="2">${reference !== undefined && html`line: ${reference.label} (${formatNumber(reference.value)})`}</td><td class="drawing"><span>${formatScore(place.low)}</span><span>${formatScore(place.high)}</span></td></tr></tfoot>
</table>
`
}

interface Scale {
  low: number
  high: number
  /** Percent of the drawing's width. */
  at(value: number): number
}

function scale(rows: readonly ForestRow[], reference: number | undefined): Scale {
  const values = rows.flatMap(({ interval: { mean, low, high } }) => [mean, low, high]).filter(Number.isFinite)
  if (reference !== undefined) values.push(reference)
  const [least, most] = [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ]
  const [low, high] = most > least ? [least, most] : [least - 0.5, least + 0.5]
  // 6 % on both sides, so that no dot is cut.
  return { low, high, at: (value) => Math.round((6 + (88 * (value - low)) / (high - low)) * 10) / 10 }
}

function whisker({ mean, low, high }: Interval, { at }: Scale, reference: number | undefined, hollow: boolean): Html {
  if (![mean, low, high].every(Number.isFinite)) return html``
  const includes = reference !== undefined && low <= reference && high >= reference
  const line = (name: string, x1: number, x2: number, y1: string, y2: string) =>
    html`<line class="${name}" x1="${x1}%" x2="${x2}%" y1="${y1}" y2="${y2}"/>`
  return html`<svg>${reference !== undefined && line('reference', at(reference), at(reference), '0', '100%')}${line('whisker', at(low), at(high), '50%', '50%')}<circle class="${hollow && includes ? 'hollow' : 'dot'}" cx="${at(mean)}%" cy="50%" r="4.5"/></svg>`
}

/** The mean strong, its interval quieter. */
function parts(text: string): Html {
  const [mean, ...interval] = text.split(' ')
  return html`<b>${mean}</b> <span>${interval.join(' ')}</span>`
}
