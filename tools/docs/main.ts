// `npm run docs`: writes the pages of docs/ and the types of the client that come from the code. Tests fail where one is stale.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { apiTypes } from './api-types.ts'
import { PAGES } from './pages.ts'

for (const [name, text] of Object.entries(PAGES)) {
  writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), text)
  console.log(`docs/${name}`)
}

writeFileSync(fileURLToPath(new URL('../../src/client/api.ts', import.meta.url)), await apiTypes())
console.log('src/client/api.ts')
