import { expect, test } from 'vitest'
import { TimeExceeded, withinTime } from './within-time.ts'

test('gives what the work gives or throws', () => {
  expect(withinTime(1000, () => 3)).toBe(3)
  expect(() => withinTime(1000, () => JSON.parse('{'))).toThrow(SyntaxError)
  expect(withinTime(1000, () => withinTime(1000, () => 4) + 1)).toBe(5)
})

test('ends loops and regular expressions that take too long, and works again afterwards', () => {
  const forever = () => {
    for (;;);
  }
  expect(() => withinTime(50, forever)).toThrow(TimeExceeded)
  expect(() => withinTime(50, () => /(a+)+$/.test(`${'a'.repeat(60)}!`))).toThrow('longer than 0.05 s')
  expect(withinTime(50, () => 5)).toBe(5)
})
