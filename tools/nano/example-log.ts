// Writes assets/example/log.jsonl: people of the nano world whom the nano model has never seen, one record a line, in
// order of time. Run by `npm run nano`; equal seeds give equal bytes.
import { seedFrom, uniform } from '../../src/util/random.ts'
import { makePerson, makeRecords } from './world.ts'

const USERS = 160
const FEWEST = 14
const MOST = 18
const START = Date.UTC(2025, 0, 1)

/**
 * Content of the example log: `{"user", "time", "text"}` a line, 160 users with 14 to 18 records each, within one year.
 */
export function exampleLog(seed = 1): string {
  const rows: { user: string; time: string; text: string }[] = []
  for (let i = 0; i < USERS; i++) {
    const next = uniform(seedFrom('example log', seed, i))
    const count = FEWEST + Math.floor(next() * (MOST - FEWEST + 1))
    const texts = makeRecords(makePerson('example', seed, i), count, seedFrom('example records', seed, i))
    const times = texts.map(() => START + Math.floor(next() * 365 * 24 * 60) * 60_000).sort((a, b) => a - b)
    const user = `person-${String(i + 1).padStart(3, '0')}`
    texts.forEach((text, k) => {
      rows.push({ user, time: new Date(times[k]).toISOString().replace('.000', ''), text })
    })
  }
  rows.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.user < b.user ? -1 : a.user > b.user ? 1 : 0))
  return `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`
}
