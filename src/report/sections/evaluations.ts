// Tables of evaluations: one forest for each metric, the paired differences beside it with a line at zero, the notes.
import type { EvaluationResult, ResultMetric, ResultPlot, ResultTable } from '../../evaluate/result.ts'
import { type Chart, type LineStyle, MAX_RUNS, runStyle } from '../charts/chart.ts'
import { type ForestRow, forestTable } from '../forest.ts'
import { formatCount, formatDuration, shortened } from '../format.ts'
import { type Html, html, within } from '../html.ts'
import { layoutFigure } from '../layouts.ts'
import { evenly } from '../series.ts'
import { figure } from './curves.ts'

/** Characters of markup for all evaluations together. */
const SECTION_LIMIT = 450_000
/** Metrics of a table that are shown: the first of these numbers by which all evaluations fit. */
const METRICS = [Number.POSITIVE_INFINITY, 6, 3, 1]
/** Rows of a forest, notes of a table, and characters of a label and of a note. */
const ROWS = 40
const NOTES = 12
const LABEL_LIMIT = 80
const NOTE_LIMIT = 600
/** Plots of all evaluations together, and points of each of their lines. */
const PLOTS = 24
const PLOT_POINTS = 120
const REFERENCE: LineStyle = { color: 'var(--muted)', dash: '2 4', width: 1.5 }

const KINDS: Record<EvaluationResult['kind'], string> = {
  profiles: 'Ranking quality of profiles',
  incremental: 'Profiles rewritten over time',
  population: 'Found among many people',
  privacy: 'What profiles and adapters give away',
  claims: 'Claims of profiles',
  lamp: 'LaMP',
  ablation: 'Ablation',
  sft: 'LoRA-SFT',
  robustness: 'Robustness to disturbed histories',
  transfer: 'Transfer to other logs',
}

/**
 * The section and the data that its charts are drawn from, which stand behind `before` others. Undefined where there are
 * no evaluations.
 */
export function evaluations(
  results: readonly EvaluationResult[],
  before: number,
): { section: Html; charts: Chart[] } | undefined {
  if (results.length === 0) return undefined
  const charts: Chart[] = []
  const drawn = (plot: ResultPlot): Html | undefined => {
    if (charts.length === PLOTS) return undefined
    const chart = chartOf(plot)
    charts.push(chart)
    return figure(chart, before + charts.length - 1)
  }
  const figures = new Map(
    results.flatMap(({ tables }) => tables.map((table) => [table, (table.plots ?? []).map(drawn)])),
  )
  const shown = (most: number) =>
    results.flatMap((result) => [
      head(result),
      ...result.tables.map((table) => tableSection(table, figures.get(table)!, most)),
    ])
  const pieces = firstWithin(SECTION_LIMIT, METRICS, shown)
  const section = html`<section id="evaluations" aria-labelledby="evaluations-title">
<h2 id="evaluations-title">Evaluations</h2>
<p class="lead">Each mean stands with its 95 % bootstrap interval, drawn beside it on a scale that its table shares. Differences are paired: where the interval includes zero (a hollow dot), the order of the two could be luck.</p>
${within(SECTION_LIMIT, pieces, (left) => html`<p class="notes">${left} further parts are left out to keep this file small; see the result.json files.</p>`)}
</section>
`
  return { section, charts }
}

function chartOf({ title, caption, x, y, lines }: ResultPlot): Chart {
  return {
    title: shortened(title, 200),
    caption: shortened(caption, NOTE_LIMIT),
    unit: y,
    axis: x,
    lines: lines.slice(0, MAX_RUNS).map(({ label, points, reference }, i) => ({
      label: shortened(label, LABEL_LIMIT),
      style: reference ? REFERENCE : runStyle(i, points.length),
      points: evenly(points, PLOT_POINTS),
      ...(reference ? { reference } : {}),
    })),
  }
}

function head({ kind, createdAt, command, seconds, settings }: EvaluationResult): Html {
  return html`<h3>${KINDS[kind]}</h3>
<p class="count">${createdAt.slice(0, 10)}, ${formatDuration(seconds)}</p>
<pre tabindex="0" aria-label="Command">${shortened(command, NOTE_LIMIT)}</pre>
<details><summary>Settings</summary><pre tabindex="0" aria-label="Settings">${shortened(JSON.stringify(settings, undefined, 2), 8000)}</pre></details>
`
}

/** What the first size makes that fits, else what the last one makes. */
function firstWithin(limit: number, sizes: readonly number[], made: (size: number) => Html[]): Html[] {
  let pieces: Html[] = []
  for (const size of sizes) {
    pieces = made(size)
    if (pieces.reduce((sum, { markup }) => sum + markup.length, 0) <= limit) break
  }
  return pieces
}

function tableSection(table: ResultTable, figures: readonly (Html | undefined)[], most: number): Html {
  const { title, notes, metrics } = table
  const left = metrics.slice(most).map(({ label }) => label)
  const pairs = html`${metrics.slice(0, most).map((metric) => metricPair(table, metric))}
${left.length > 0 && html`<p class="notes">Left out to keep this file small, see result.json: ${left.join(', ')}.</p>`}`
  return html`<article class="card">
<h4>${shortened(title, 200)}</h4>
${figures.length > 0 && html`<div class="figures">${figures}</div>`}
${metrics.toReversed().map((metric) => layoutFigure(table, metric))}
${table.layout ? html`<details><summary>All means and differences</summary>${pairs}</details>` : pairs}
${notes.length > 0 && html`<ul class="notes">${notes.slice(0, NOTES).map((note) => html`<li>${shortened(note, NOTE_LIMIT)}</li>`)}</ul>`}
</article>
`
}

function metricPair({ rows, differences }: ResultTable, { key, label, higherIsBetter, chance }: ResultMetric): Html {
  const names = new Map(rows.map((row) => [row.condition, row.label]))
  const nameOf = (condition: string) => names.get(condition) ?? condition
  const scores: ForestRow[] = rows.flatMap(({ label: name, n, values }) =>
    values[key] ? [{ label: shortened(name, LABEL_LIMIT), interval: values[key], note: `n ${formatCount(n)}` }] : [],
  )
  const paired: ForestRow[] = differences.flatMap(({ a, b, values }) =>
    values[key] ? [{ label: shortened(`${nameOf(a)} − ${nameOf(b)}`, 2 * LABEL_LIMIT), interval: values[key] }] : [],
  )
  const better = higherIsBetter ? 'higher is better' : 'lower is better'
  const shownScores = forest(
    `${label} (${better})`,
    'Condition',
    scores,
    chance === null ? undefined : { label: 'chance', value: chance },
  )
  const shownDifferences = forest(
    `${label}: paired differences`,
    'Difference',
    paired,
    { label: 'no difference', value: 0 },
    true,
  )
  return html`<div class="pair">${shownScores}${shownDifferences}</div>
`
}

function forest(
  caption: string,
  heading: string,
  rows: readonly ForestRow[],
  reference: { label: string; value: number } | undefined,
  difference = false,
): Html | undefined {
  if (rows.length === 0) return undefined
  const left = rows.length - ROWS
  return html`<div>${forestTable({ caption, heading, rows: rows.slice(0, ROWS), reference, difference })}${left > 0 && html`<p class="notes">${left} further rows are left out; see result.json.</p>`}</div>`
}
