// A result table on the terminal: conditions with their intervals, paired differences, and the notes under it.
import { layoutCells } from '../../evaluate/layout.ts'
import type { ResultTable } from '../../evaluate/result.ts'
import { type Interval, intervalText } from '../../util/stats.ts'

/** The table as text, with a line break at its end. A difference whose interval excludes 0 is marked by a star. */
export function resultTableText(table: ResultTable): string {
  const { metrics } = table
  const labels = new Map(table.rows.map(({ condition, label }) => [condition, label]))
  const lines = [
    table.title,
    ...aligned([
      ['', 'n', ...metrics.map(({ label, higherIsBetter }) => (higherIsBetter ? label : `${label} (lower is better)`))],
      ...table.rows.map(({ label, n, values }) => [label, String(n), ...metrics.map(({ key }) => shown(values[key]))]),
      ...(metrics.some(({ chance }) => chance !== null)
        ? [['chance', '', ...metrics.map(({ chance }) => (chance === null ? '' : chance.toFixed(3)))]]
        : []),
    ]),
  ]
  if (table.differences.length > 0)
    lines.push(
      '',
      'Paired differences (* where the interval excludes 0)',
      ...aligned([
        ['', ...metrics.map(({ label }) => label)],
        ...table.differences.map(({ a, b, values }) => [
          `${labels.get(a) ?? a} − ${labels.get(b) ?? b}`,
          ...metrics.map(({ key }) => signed(values[key])),
        ]),
      ]),
    )
  if (table.notes.length > 0) lines.push('', ...table.notes.map((note) => `- ${note}`))
  return `${lines.join('\n')}\n`
}

/** One metric of tables with a layout: levels or columns side by side. Notes that they share are told once. */
export function laidOutText(tables: readonly ResultTable[], metric: string): string {
  const shown = tables.flatMap((table) => {
    const of = table.metrics.find(({ key }) => key === metric)
    const chance = of?.chance == null ? '' : `, chance ${of.chance.toFixed(3)}`
    return [`${table.title}: ${of?.label ?? metric}${chance}`, ...aligned(layoutCells(table, metric)), '']
  })
  const notes = [...new Set(tables.flatMap((table) => table.notes))].map((note) => `- ${note}`)
  return `${[...shown, '* where the interval of a difference excludes 0', ...notes].join('\n')}\n`
}

function shown(interval: Interval | undefined): string {
  return interval === undefined ? '-' : intervalText(interval)
}

function signed(interval: Interval | undefined): string {
  if (interval === undefined) return '-'
  const excludes = interval.low < interval.high && (interval.low > 0 || interval.high < 0)
  return `${interval.mean >= 0 ? '+' : ''}${intervalText(interval)}${excludes ? ' *' : ''}`
}

/** Rows of cells as lines with equal columns. */
function aligned(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)))
  return rows.map((row) => `  ${row.map((cell, c) => cell.padEnd(widths[c])).join('  ')}`.trimEnd())
}
