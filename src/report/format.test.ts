// Numbers as the report shows them, in its text and on the axes of its charts.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formatDifference, formatInterval, formatNumber, formatScore } from './format.ts'

const SHOWN: [value: number, text: string, axis?: string][] = [
  [0, '0'],
  [0.0016, '0.0016'],
  [0.00123456, '0.00123'],
  [-0.0123456, '−0.0123'],
  [0.05, '0.050', '0.05'],
  [0.09996, '0.100', '0.1'],
  [0.512345, '0.512'],
  [1, '1.000', '1'],
  [12.34, '12.3'],
  [1203.7, '1,204'],
  [0.0003, '3e−4'],
  [-0.000012345, '−1.23e−5'],
  [12_300_000, '1.23e7'],
]

describe('formatNumber', () => {
  it.each(SHOWN)('shows %d as %s', (value, text) => expect(formatNumber(value)).toBe(text))

  it('is what the axes and tips of charts show, without trailing zeros', () => {
    const number = numberOfCharts()
    for (const [value, text, axis = text] of SHOWN) expect(number(value)).toBe(axis)
  })
})

describe('formatScore', () => {
  it.each([
    [0, '0.000'],
    [0.0004, '0.000'],
    [-0.0123, '−0.012'],
    [0.05, '0.050'],
    [12.34, '12.3'],
  ])('shows %d as %s', (value, text) => expect(formatScore(value)).toBe(text))

  it('gives the ends of an interval the same decimals', () => {
    expect(formatInterval({ mean: 0.0512, low: 0.0007, high: 0.1016 })).toBe('0.051 [0.001, 0.102]')
    expect(formatDifference({ mean: 0.0512, low: -0.0123, high: 0.1016 })).toBe('+0.051 [−0.012, +0.102]')
  })
})

/** The function of that name in assets/report/charts.js, which runs in the page. */
function numberOfCharts(): (value: number) => string {
  const source = readFileSync(new URL('../../assets/report/charts.js', import.meta.url), 'utf8')
  const functions = [...source.matchAll(/^ {2}function (?:number|power|decimals)\(.*?^ {2}\}/gms)].map(([text]) => text)
  return new Function(`${functions.join('\n')}\nreturn number`)()
}
