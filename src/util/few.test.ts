import { expect, it } from 'vitest'
import { few } from './few.ts'

it('names the first ones and counts the rest', () => {
  expect(few(['a', 'b'])).toBe('a, b')
  expect(few(['a', 'b', 'c', 'd', 'e'])).toBe('a, b, c, d, e')
  expect(few(['a', 'b', 'c'], 1)).toBe('a and 2 more')
})
