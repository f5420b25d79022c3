// Tables of evaluations with a layout, drawn: lines over levels with their intervals, and grids as heat maps. Drawn here
// and not in the page, so that they are there without scripting. The forests under them hold all numbers.
import type { ResultLayout, ResultMetric, ResultTable } from '../evaluate/result.ts'
import type { Interval } from '../util/stats.ts'
import { MAX_RUNS, runStyle } from './charts/chart.ts'
import { formatDifference, formatInterval, formatNumber, shortened } from './format.ts'
import { type Html, html } from './html.ts'

type Grid = Extract<ResultLayout, { type: 'grid' }>
type Lines = Extract<ResultLayout, { type: 'lines' }>

/** What is drawn of a file that anybody may have written. */
const MOST = { levels: 12, columns: 12, rows: 24, label: 60 }

/** One metric as the table is laid out; undefined where it has no layout. */
export function layoutFigure(table: ResultTable, metric: ResultMetric): Html | undefined {
  const { layout } = table
  if (layout === undefined) return undefined
  return layout.type === 'grid' ? heatMap(table, layout, metric) : levelLines(table, layout, metric)
}

function heatMap({ rows, differences }: ResultTable, grid: Grid, { key, label }: ResultMetric): Html {
  const columns = grid.columns.slice(0, MOST.columns)
  const scores = new Map(rows.map(({ condition, values }) => [condition, values[key]]))
  const changes = new Map(differences.map(({ a, b, values }) => [`${a}\n${b}`, values[key]]))
  const shown = grid.rows.slice(0, MOST.rows).map((row) => ({
    name: shortened(row.label, MOST.label),
    cells: row.cells.slice(0, columns.length).map((cell) => ({ ...cell, change: changes.get(`${cell.a}\n${cell.b}`) })),
  }))
  const sizes = shown.flatMap(({ cells }) => cells.flatMap(({ change }) => (change ? [Math.abs(change.mean)] : [])))
  const largest = Math.max(1e-9, ...sizes)
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table class="heat">
<caption>${label}: what training adds to zero-shot. Filled deeper where it is more, striped where it is a loss; bold where the interval leaves zero out; framed: ${shortened(grid.markedMeans, MOST.label)}.</caption>
<thead><tr><th scope="col">${grid.rowsTitle} \\ ${grid.columnsTitle}</th>${columns.map((name) => html`<th scope="col">${shortened(name, MOST.label)}</th>`)}</tr></thead>
<tbody>${shown.map(({ name, cells }) => html`<tr><th scope="row">${name}</th>${cells.map(({ change, marked }) => heatCell(change, marked, largest))}</tr>`)}</tbody>
<tfoot>${grid.references.slice(0, MOST.rows).map(({ label: name, conditions }) => html`<tr><th scope="row">${shortened(name, MOST.label)}</th>${conditions.slice(0, columns.length).map((each) => html`<td>${intervalOr(scores.get(each), formatInterval)}</td>`)}</tr>`)}</tfoot>
</table></div>`
}

function heatCell(change: Interval | undefined, marked: boolean, largest: number): Html {
  if (change === undefined) return html`<td>–</td>`
  const share = Math.round((60 * Math.abs(change.mean)) / largest)
  const clear = change.low > 0 || change.high < 0
  const names = [change.mean < 0 && 'loss', marked && 'marked', clear && 'clear'].filter((name) => name !== false)
  return html`<td class="${names.join(' ')}" style="--heat: ${share}%">${formatDifference(change)}</td>`
}

const intervalOr = (interval: Interval | undefined, format: (interval: Interval) => string) =>
  interval ? format(interval) : '–'

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [560, 250, 48, 16, 14, 42]

function levelLines({ rows }: ResultTable, layout: Lines, { key, label, chance }: ResultMetric): Html | undefined {
  const scores = new Map(rows.map(({ condition, values }) => [condition, values[key]]))
  const levels = layout.levels.slice(0, MOST.levels)
  const lines = layout.lines.slice(0, MAX_RUNS).map((line, i) => ({
    label: shortened(line.label, MOST.label),
    style: runStyle(i, levels.length),
    intervals: levels.map((_, l) => scores.get(line.conditions[l])),
  }))
  const values = lines.flatMap(({ intervals }) => intervals.flatMap((each) => (each ? [each.low, each.high] : [])))
  if (chance !== null) values.push(chance)
  const finite = values.filter(Number.isFinite)
  if (finite.length === 0) return undefined
  const low = Math.floor(Math.min(...finite) * 20) / 20
  const high = Math.max(low + 0.05, Math.ceil(Math.max(...finite) * 20) / 20)
  const y = (value: number) => fixed(TOP + ((HEIGHT - TOP - BOTTOM) * (high - value)) / (high - low))
  const step = (WIDTH - LEFT - RIGHT) / levels.length
  // Lines stand beside each other, so that their whiskers do not hide one another.
  const x = (l: number, line: number) => fixed(LEFT + step * (l + 0.5) + 7 * (line - (lines.length - 1) / 2))
  const ticks = [low, (low + high) / 2, high]
  const told = lines.map(
    (line) =>
      `${line.label}: ${line.intervals.map((each, l) => `${levels[l]} ${each ? formatNumber(each.mean) : 'none'}`).join(', ')}`,
  )
  const legend = lines.map(({ label: name, style }) => html`<li>${sample(style)}${name}</li>`)
  return html`<div class="levels">
<p>${label} by ${layout.axis}${chance !== null && ` (dotted: chance, ${formatNumber(chance)})`}</p>
<ul class="legend">${legend}</ul>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label} by ${layout.axis}. ${told.join('; ')}.">
${ticks.map((tick) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${LEFT - 8}" y="${y(tick)}" text-anchor="end" dominant-baseline="middle">${formatNumber(tick)}</text>`)}
${chance !== null && html`<line class="chance" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(chance)}" y2="${y(chance)}"/>`}
${levels.map((name, l) => html`<text x="${fixed(LEFT + step * (l + 0.5))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${shortened(name, 20)}</text>`)}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${shortened(layout.axis, MOST.label)}</text>
${lines.map(({ style, intervals }, i) => {
  const points = intervals.flatMap((each, l) => (each ? [{ each, at: x(l, i) }] : []))
  return html`<g stroke="${style.color}" fill="${style.color}"><polyline fill="none" stroke-width="2" stroke-dasharray="${style.dash}" points="${points.map(({ each, at }) => `${at},${y(each.mean)}`).join(' ')}"/>${points.map(({ each, at }) => html`<line x1="${at}" x2="${at}" y1="${y(each.low)}" y2="${y(each.high)}"/><circle cx="${at}" cy="${y(each.mean)}" r="3.5"/>`)}</g>`
})}
</svg></div>`
}

function sample({ color, dash }: { color: string; dash: string }): Html {
  return html`<svg width="30" height="12" viewBox="0 0 30 12" aria-hidden="true"><path d="M1 6H29" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/><circle cx="15" cy="6" r="3.5" fill="${color}"/></svg>`
}

const fixed = (value: number) => Math.round(value * 10) / 10
