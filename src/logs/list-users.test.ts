// Users read from a file when they are asked for are those that the split of a log in memory gives.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dataDigest } from '../train/digest.ts'
import { listsOf } from '../train/testing/user-lists.ts'
import { openLogs } from './dataset.ts'
import { listUsers } from './list-users.ts'
import { type SplitOptions, splitDataset } from './load.ts'
import { testFolder } from './testing/files.ts'

const folder = testFolder()

async function compare(rows: readonly object[], options: SplitOptions): Promise<number> {
  const paths = [folder.write('log.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))]
  const dataset = await openLogs({ paths })
  try {
    const { split, report } = await splitDataset(dataset, options)
    const listed = await listUsers(dataset, options)
    const parts = ['train', 'validation', 'test'] as const
    for (const part of parts) {
      const list = listed.lists[part]
      expect(list.listed.map(({ id }) => id)).toEqual(split[part].map(({ id }) => id))
      expect(await list.load(list.listed)).toEqual(split[part])
      expect(await list.load(list.listed.slice(-1))).toEqual(split[part].slice(-1))
    }
    expect(listed.report).toEqual(report)
    expect(dataDigest(listed.lists)).toBe(dataDigest(listsOf(split)))
    listed.close()
    return split.train.length
  } finally {
    dataset.close()
  }
}

const split = { heldOut: 2, minInteractions: 3, validation: 0.2, test: 0.2, seed: 4 }

it('are the users of the split, with digests of the same bytes', async () => {
  const known = fc.constantFrom(
    'tea',
    'Tea!',
    'beans',
    'x',
    'a\tb',
    'naïve',
    '☕ \u2028',
    '"\\"',
    '\u0001',
    'two\nlines',
    '#1 in C#',
  )
  const words = fc.oneof({ weight: 9, arbitrary: known }, fc.string({ unit: 'grapheme' }))
  const rows = fc.array(
    fc.record({
      user: fc.constantFrom('ann', 'bob', 'cy', 'd"e', 'ö'),
      text: fc.array(words, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(' ')),
      time: fc.option(fc.integer({ min: 1_600_000_000, max: 1_600_000_009 }), { nil: undefined }),
      note: fc.option(fc.constantFrom('n', '#', { a: [1, 'line\nbreak'] }), { nil: undefined }),
    }),
    { minLength: 30, maxLength: 40 },
  )
  const options = fc.record({
    heldOut: fc.integer({ min: 1, max: 3 }),
    maxHistory: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(rows, options, async (log, some) => {
      expect(await compare(log, { ...split, ...some })).toBeGreaterThan(0)
    }),
    { numRuns: 4 },
  )
})

it('are read from more bytes than are scanned at once', async () => {
  const rows = Array.from({ length: 45 }, (_, i) => ({ user: i % 9, text: `${i}`, note: 'tea '.repeat(25_000) }))
  expect(await compare(rows, split)).toBe(5)
})

it('throws what the split throws where nobody is left', async () => {
  const paths = [folder.write('few.jsonl', '{"user":"ann","text":"tea"}\n')]
  const dataset = await openLogs({ paths })
  await expect(listUsers(dataset, split)).rejects.toThrow(
    /none of the 1 users[\s\S]*too-few-interactions: 1 users, such as user ann: 1 of at least 3/,
  )
  await expect(listUsers(dataset, { ...split, heldOut: 0 })).rejects.toThrow('heldOut must be a whole number from 1')
  dataset.close()
})
