// What is said of the families: each has a golden model, and the README lists them all.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { golden, TINY_MODELS } from '../testing/core.ts'
import { FAMILIES, SUPPORTED_FAMILIES } from './families.ts'

test('every family has a model with golden logits', () => {
  const types = TINY_MODELS.map((name) => JSON.parse(readFileSync(`${golden(name)}/config.json`, 'utf8')).model_type)
  expect([...new Set(types)].sort()).toEqual(Object.keys(FAMILIES).sort())
})

test('the README lists the families that messages name', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')
  const list = SUPPORTED_FAMILIES.replace(/^Use a model of the | family\.$/g, '')
  expect(list).toContain('Qwen3, Gemma 3 (text), SmolLM3')
  expect(readme).toContain(`${list}.`)
})
