import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openLogs } from './dataset.ts'
import { inspectLogs } from './inspect.ts'
import { SkipCounter } from './load.ts'
import { normaliseText } from './normalise.ts'
import { splitUser } from './split.ts'
import { jsonLines, testFolder } from './testing/files.ts'

const folder = testFolder()

const texts = [
  'Roses',
  'roses!',
  'the roses',
  'beans',
  'BEANS ',
  '...',
  '!',
  'ﬁne',
  'fine',
  'Σας',
  'σας',
  '１',
  '1',
  'é',
  'e\u0301',
]
const rows = fc.array(fc.record({ user: fc.constantFrom(...'abcdefghij'), text: fc.constantFrom(...texts) }), {
  minLength: 30,
  maxLength: 60,
})

it('counts as comparing all texts of all users does', () =>
  fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 3 }), async (written, heldOut) => {
      const others = Array.from({ length: 8 }, (_, i) => ({ user: `${i}`, text: 'one' }))
      const path = folder.write('log.jsonl', jsonLines([...others, ...written]))
      const options = { heldOut, minInteractions: 4 }
      const skips = new SkipCounter()
      let [users, duplicates] = [0, 0]
      const dataset = await openLogs({ paths: [path] })
      for await (const { id, interactions } of dataset.users()) {
        duplicates += interactions.length - new Set(interactions.map(({ text }) => normaliseText(text))).size
        if (skips.take(id, splitUser(id, interactions, options)) !== undefined) users++
      }
      dataset.close()
      expect(await inspectLogs(path, options)).toMatchObject({ duplicates, split: { ...skips.report, users } })
    }),
    { numRuns: 6 },
  ))
