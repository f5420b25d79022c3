import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freeSpace, requireSpace } from './disk-space.ts'

test('a folder that is not there yet has the space of the folder it will lie in', () => {
  const later = join(tmpdir(), 'bump-not-there', 'deeper', 'still')
  expect(freeSpace(later)).toBeGreaterThan(0)
  expect(() => requireSpace(later, 1, 'the download')).not.toThrow()
  expect(() => requireSpace(later, 1e18, 'the download')).toThrow(
    /the download needs 1000000000000 MB, the disk has \d+ MB free.*BUMP_CACHE/,
  )
})
