// The curves: a figure for each chart, with a legend that needs no colour and the values as a table.
import { type Chart, type LineStyle, spoken } from '../charts/chart.ts'
import { rankingCharts } from '../charts/ranking.ts'
import { secondsChart, trainingCharts } from '../charts/training.ts'
import { formatNumber } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { RunData } from '../run-data.ts'
import { evenly } from '../series.ts'

/** Steps of each series that the table under a chart shows. */
const TABLE_ROWS = 7

/** The section and the data that its charts are drawn from, in the order of their data-chart attributes. */
export function curves(runs: readonly RunData[]): { section: Html; charts: Chart[] } | undefined {
  const ranking = rankingCharts(runs)
  const { charts: training, constant, unmeasured } = trainingCharts(runs)
  const seconds = runs.flatMap(
    (run) => secondsChart(run, runs.length === 1 ? 'Seconds by phase' : `Seconds by phase, ${run.name}`) ?? [],
  )
  const charts = [...ranking, ...training, ...seconds]
  if (charts.length === 0) return undefined
  const section = html`<section id="curves" aria-labelledby="curves-title">
<h2 id="curves-title">Training</h2>
<p class="lead">One point a step; in long runs a point is the mean of neighbouring steps. ${ranking.length > 0 && 'Pools of rollouts may hold fewer negatives than those of validation, so their chance can differ. '}Point at a chart, or touch it, to read its values.</p>
<noscript><p class="notes">The charts need scripting; the values stand under each of them.</p></noscript>
<div class="figures">
${charts.map((chart, i) => figure(chart, i))}</div>
${constant.length > 0 && html`<p class="constant">Not drawn, since they never changed: ${constant.join('; ')}.</p>`}
${unmeasured.length > 0 && html`<p class="constant">Not measured: ${unmeasured.join('; ')}.</p>`}
</section>
`
  return { section, charts }
}

/** A chart; `index`: its place in the data that the page draws charts from. */
export function figure(chart: Chart, index: number): Html {
  return html`<figure>
<figcaption><h3>${chart.title}</h3><p>${chart.caption}</p></figcaption>
${legend(chart)}
<div class="plot" role="img" aria-label="${spoken(chart)}" data-chart="${index}"></div>
${values(chart)}
</figure>
`
}

function legend({ lines, band, stacks }: Chart): Html {
  const items = [
    ...lines.map(({ label, style }) => html`<li>${swatch(style)}${label}</li>`),
    ...(band ? [html`<li>${block('var(--accent-soft)')}${band.label}</li>`] : []),
    ...(stacks ?? []).map(({ label, fill }) => html`<li>${block(fill)}${label}</li>`),
  ]
  // A single line is named by the title. The empty list keeps the figure's rows aligned with its neighbour's.
  return html`<ul class="legend" aria-hidden="true">${items.length > 1 && items}</ul>`
}

function swatch({ color, dash, width, marker }: LineStyle): Html {
  const symbol = marker === undefined ? '' : MARKERS[marker]
  return html`<svg width="30" height="12" viewBox="0 0 30 12"><path d="M1 6H29" fill="none" stroke="${color}" stroke-width="${width}" stroke-dasharray="${dash}"/><path d="${symbol}" fill="${color}" stroke="${color}" transform="translate(15 6)"/></svg>`
}

const MARKERS: Record<NonNullable<LineStyle['marker']>, string> = {
  circle: 'M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z',
  square: 'M-3 -3H3V3H-3z',
  triangle: 'M0 -4L4 3H-4z',
  diamond: 'M0 -4.5L3 0L0 4.5L-3 0z',
  star: 'M0 -4.5L1 -1.2L4.3 -1.4L1.7 .6L2.6 3.6L0 1.9L-2.6 3.6L-1.7 .6L-4.3 -1.4L-1 -1.2z',
  cross: 'M-1.2 -4H1.2V-1.2H4V1.2H1.2V4H-1.2V1.2H-4V-1.2H-1.2z',
  wye: 'M-1.2 4V.8L-4 -1L-3 -3L0 -1.2L3 -3L4 -1L1.2 .8V4z',
  times: 'M-3.5 -3.5L3.5 3.5M-3.5 3.5L3.5 -3.5',
}

function block(fill: string): Html {
  return html`<svg width="18" height="12"><rect width="18" height="12" fill="${fill}" stroke="var(--ink)" stroke-width="1"/></svg>`
}

/** A few of the chart's values, for keyboard, screen reader and paper. */
function values({ axis = 'step', lines, stacks }: Chart): Html {
  const columns = [
    ...lines.map(({ label, points }) => ({ label, at: new Map(points) })),
    ...(stacks ?? []).map(({ label, bars }) => ({
      label,
      at: new Map(bars.map(([from, , low, high]) => [from + 0.5, high - low])),
    })),
  ]
  const ascending = (steps: readonly number[]) => [...new Set(steps)].sort((a, b) => a - b)
  const all = ascending(columns.flatMap(({ at }) => [...at.keys()]))
  const steps = ascending(columns.flatMap(({ at }) => evenly([...at.keys()], TABLE_ROWS)))
  const cell = (value: number | undefined) => html`<td>${value === undefined ? '–' : formatNumber(value)}</td>`
  return html`<details><summary>Values${steps.length < all.length ? ` (${steps.length} of ${all.length} points)` : ''}</summary>
<div class="scroll" role="region" aria-label="Values" tabindex="0"><table class="values">
<thead><tr><th scope="col">${axis}</th>${columns.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
<tbody>${steps.map((step) => html`<tr><th scope="row">${axis === 'step' ? step : formatNumber(step)}</th>${columns.map(({ at }) => cell(at.get(step)))}</tr>`)}</tbody>
</table></div></details>`
}
