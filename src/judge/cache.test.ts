import { expect, it } from 'vitest'
import { ScoreCache, scoreKey } from './cache.ts'

it('keeps the values used last, up to its bound', () => {
  const cache = new ScoreCache(2)
  cache.set('a', [1])
  cache.set('b', [2])
  expect(cache.get('a')).toEqual([1])
  cache.set('c', [3])
  expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.size]).toEqual([[1], undefined, [3], 2])
})

it('keeps nothing without room', () => {
  const cache = new ScoreCache(0)
  cache.set('a', [1])
  expect(cache.get('a')).toBeUndefined()
})

it('tells apart where one part ends and the next begins', () => {
  expect(scoreKey('ab', 'c')).not.toBe(scoreKey('a', 'bc'))
  expect(scoreKey(1)).not.toBe(scoreKey('1'))
})
