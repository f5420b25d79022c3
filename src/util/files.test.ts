import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeFileAtomic } from './files.ts'

it('a file that cannot be put in its place leaves nothing beside it, and is named by its own path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-files-'))
  try {
    const path = join(folder, 'taken')
    mkdirSync(path)
    expect(() => writeFileAtomic(path, 'x')).toThrow(expect.objectContaining({ code: 'EISDIR', path }))
    expect(readdirSync(folder)).toEqual(['taken'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
