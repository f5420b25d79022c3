// A table with a layout as lines of cells, for a terminal and for Markdown: levels or columns side by side. Between
// result.ts and those who print.
import { intervalText } from '../util/stats.ts'
import type { ResultTable } from './result.ts'

/**
 * One metric of the table as laid out, the first line its head. A difference whose interval excludes 0 is marked by a
 * star, a marked cell of a grid by parentheses. Tables without a layout have one column.
 */
export function layoutCells(table: ResultTable, metric: string): string[][] {
  const { layout, rows, differences } = table
  const scores = new Map(rows.map(({ condition, values }) => [condition, values[metric]]))
  const score = (condition: string) => {
    const interval = scores.get(condition)
    return interval ? intervalText(interval) : '-'
  }
  const difference = ({ a, b }: { a: string; b: string }) => {
    const interval = differences.find((each) => each.a === a && each.b === b)?.values[metric]
    if (!interval) return '-'
    const star = interval.low > 0 || interval.high < 0 ? ' *' : ''
    return `${interval.mean >= 0 ? '+' : ''}${intervalText(interval)}${star}`
  }
  if (layout?.type === 'lines')
    return [
      [layout.axis, ...layout.levels],
      ...layout.lines.map(({ label, conditions }) => [label, ...conditions.map(score)]),
      ...layout.differences.map(({ label, pairs }) => [label, ...pairs.map(difference)]),
    ]
  if (layout === undefined) return [['', metric], ...rows.map(({ condition, label }) => [label, score(condition)])]
  const cellOf = (text: string, marked: boolean) => (marked ? `(${text})` : text)
  return [
    [`${layout.rowsTitle} \\ ${layout.columnsTitle}`, ...layout.columns],
    ...layout.references.map(({ label, conditions }) => [label, ...conditions.map(score)]),
    ...layout.rows.map(({ label, cells }) => [label, ...cells.map(({ a, marked }) => cellOf(score(a), marked))]),
    ...layout.rows.map(({ label, cells }) => [
      `${label} − zero-shot`,
      ...cells.map((cell) => cellOf(difference(cell), cell.marked)),
    ]),
  ]
}
