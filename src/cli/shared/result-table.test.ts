// A result table as a reader of the terminal sees it.
import { expect, it } from 'vitest'
import type { ResultTable } from '../../evaluate/result.ts'
import { resultTableText } from './result-table.ts'

const metric = { key: 'mae', label: 'MAE', higherIsBetter: false, chance: null }
const table: ResultTable = {
  title: 'LaMP-3: product ratings',
  notes: ['a note'],
  metrics: [metric],
  rows: [
    { condition: 'none', label: 'no personalisation', n: 12, values: { mae: { mean: 1, low: 0.5, high: 1.5 } } },
    { condition: 'bump', label: 'BUMP profile', n: 12, values: { mae: { mean: 0.75, low: 0.25, high: 1 } } },
  ],
  differences: [
    { a: 'bump', b: 'none', values: { mae: { mean: -0.25, low: -0.5, high: -0.125 } } },
    { a: 'none', b: 'bump', values: { mae: { mean: 0.25, low: 0, high: 0.5 } } },
  ],
}

it('is aligned, with a star where the interval excludes 0', () => {
  expect(resultTableText(table)).toBe(
    [
      'LaMP-3: product ratings',
      '                      n   MAE (lower is better)',
      '  no personalisation  12  1.000 [0.500, 1.500]',
      '  BUMP profile        12  0.750 [0.250, 1.000]',
      '',
      'Paired differences (* where the interval excludes 0)',
      '                                     MAE',
      '  BUMP profile − no personalisation  -0.250 [-0.500, -0.125] *',
      '  no personalisation − BUMP profile  +0.250 [0.000, 0.500]',
      '',
      '- a note',
      '',
    ].join('\n'),
  )
})

it('shows chance where it is known, and rows without values', () => {
  const accuracy = { key: 'accuracy', label: 'accuracy', higherIsBetter: true, chance: 0.5 }
  const rows = [{ condition: 'none', label: 'none', n: 1, values: {} }]
  const text = resultTableText({ ...table, metrics: [accuracy], rows, differences: [], notes: [] })
  expect(text).toMatch(/ {2}none {4}1 {2}-\n {2}chance {5}0\.500\n$/)
  expect(resultTableText({ ...table, metrics: [], rows, differences: [] })).toMatch(/ {2}none {2}1\n\n- a note\n$/)
})
