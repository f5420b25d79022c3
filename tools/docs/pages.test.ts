// The generated pages of docs/ say what the code says.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PAGES } from './pages.ts'

it.each(Object.entries(PAGES))('docs/%s is up to date: npm run docs', (name, text) => {
  const written = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  expect(written === text ? 'up to date' : `docs/${name} is stale: run npm run docs`).toBe('up to date')
})
