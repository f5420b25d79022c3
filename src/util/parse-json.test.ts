import { expect, it } from 'vitest'
import { MAX_DEPTH, parseJson } from './parse-json.ts'

const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1${']}'.repeat(depth / 2)}`

it('parses what any file nests, and refuses what would exhaust the stack', () => {
  expect(parseJson('{"a":[1,null,"x"]}')).toEqual({ a: [1, null, 'x'] })
  expect(parseJson(nested(MAX_DEPTH))).toBeDefined()
  expect(() => parseJson(nested(200_000))).toThrow(/nested deeper than 64 levels/)
  expect(() => parseJson('{')).toThrow(SyntaxError)
})
