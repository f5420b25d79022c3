// `npm run docs`: writes the pages of docs/ that come from the code. pages.test.ts fails where one is stale.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PAGES } from './pages.ts'

for (const [name, text] of Object.entries(PAGES)) {
  writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), text)
  console.log(`docs/${name}`)
}
