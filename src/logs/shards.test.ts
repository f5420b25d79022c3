// Shards divide the users of a log, read in sets or row by row, and count what is theirs.
import { expect, it } from 'vitest'
import { openLogs } from './dataset.ts'
import { testFolder } from './testing/files.ts'

const folder = testFolder()

it('each user stands in one shard, with the whole history', async () => {
  // Ids with spaces around them are read row by row.
  const rows = Array.from({ length: 60 }, (_, i) => ({
    user: i % 3 === 0 ? ` person ${i % 20} ` : `person ${i % 20}`,
    text: `text ${i}`,
  }))
  const paths = [folder.write('log.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))]
  const texts = async (index: number, of: number) => {
    const dataset = await openLogs({ paths }, undefined, { index, of })
    const found: Record<string, string[]> = {}
    for await (const { id, interactions } of dataset.users()) found[id] = interactions.map(({ text }) => text)
    dataset.close()
    expect(dataset.report.users).toBe(Object.keys(found).length)
    return found
  }
  const shards = await Promise.all([1, 2, 3].map((index) => texts(index, 3)))
  expect(shards.map((shard) => Object.keys(shard).length)).toEqual([8, 6, 6])
  expect(Object.assign({}, ...shards)).toEqual(await texts(1, 1))
  // Machines of other versions must agree: the first 32 bits of the MD5 of 'person 0', divided by 3, leave 0.
  expect(Object.keys(shards[0])).toContain('person 0')
  expect(await texts(1, 90_000)).toEqual({})
})
