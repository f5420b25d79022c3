// Files for the tests of the logs: written into a folder that is removed afterwards.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll } from 'vitest'

export interface TestFolder {
  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string
  path(name: string): string
}

/** A folder for one test file, with bump's cache inside it. */
export function testFolder(): TestFolder {
  const folder = mkdtempSync(join(tmpdir(), 'bump-logs-'))
  const before = process.env.BUMP_CACHE
  beforeAll(() => {
    process.env.BUMP_CACHE = join(folder, 'cache')
  })
  afterAll(() => {
    if (before === undefined) delete process.env.BUMP_CACHE
    else process.env.BUMP_CACHE = before
    rmSync(folder, { recursive: true, force: true })
  })
  const path = (name: string) => join(folder, name)
  return {
    path,
    write: (name, content) => {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), content)
      return path(name)
    },
  }
}

/** Rows as JSON Lines. */
export const jsonLines = (rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

export const gzipped = (text: string) => gzipSync(Buffer.from(text))
