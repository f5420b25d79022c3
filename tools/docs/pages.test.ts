// The generated pages of docs/, and the types of the client, say what the code says.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { apiTypes } from './api-types.ts'
import { PAGES } from './pages.ts'

it.each(Object.entries(PAGES))('docs/%s is up to date: npm run docs', (name, text) => {
  const written = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  expect(written === text ? 'up to date' : `docs/${name} is stale: run npm run docs`).toBe('up to date')
})

it('src/client/api.ts is up to date: npm run docs', async () => {
  const written = readFileSync(new URL('../../src/client/api.ts', import.meta.url), 'utf8')
  expect(written === (await apiTypes()) ? 'up to date' : 'src/client/api.ts is stale: run npm run docs').toBe(
    'up to date',
  )
})
