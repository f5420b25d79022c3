// Logs that other programs wrote (scripts/golden/log_writers.py): every text comes back as it was.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { checkCounts } from './testing/counts.ts'
import { testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'

const { readFrom } = reader(testFolder())
const golden = (name: string) => fileURLToPath(new URL(`golden/${name}`, import.meta.url))

interface Row {
  user: string
  time: string
  text: string
  rating: number | null
}
const rows: Row[] = JSON.parse(readFileSync(golden('rows.json'), 'utf8'))
const written = rows.map(({ user, time, text }) => [user, Date.parse(time), text.trim()])

it.each(readdirSync(golden('')))('%s', async (name) => {
  const { report, users } = await readFrom({ paths: [golden(name)] })
  const read = users.flatMap(({ id, interactions }) => interactions.map(({ time, text }) => [id, time, text]))
  expect(read.sort()).toEqual(written.sort())
  expect(report).toMatchObject({ records: rows.length, issues: [] })
  checkCounts(report, read.length)
})
