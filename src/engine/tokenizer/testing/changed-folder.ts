// Golden tokenizer folders with one of their files changed, for the tests of what is read and refused.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect } from 'vitest'
import { BumpError } from '../../../util/errors.ts'
import { openTokenizer } from '../open-tokenizer.ts'

export const golden = (name: string) => fileURLToPath(new URL(`../../golden/tokenizer-${name}`, import.meta.url))

/** A folder of each test's own, and golden folders copied into it. */
export function changedFolders() {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bump-tokenizer-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    path: (...parts: string[]) => join(folder, ...parts),
    /** A copy of a golden folder in which one JSON file is changed. */
    changed(name: string, file: string, change: (json: Record<string, unknown>) => void): string {
      cpSync(golden(name), folder, { recursive: true })
      const json = JSON.parse(readFileSync(join(folder, file), 'utf8'))
      change(json)
      writeFileSync(join(folder, file), JSON.stringify(json))
      return folder
    },
  }
}

/** The message with which a tokenizer is refused. */
export async function problem(path: string): Promise<string> {
  const error: unknown = await openTokenizer(path).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(BumpError)
  return error instanceof Error ? error.message : ''
}
