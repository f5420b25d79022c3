// Runs the command line in process on damaged input, for the tests malformed*.test.ts.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { main } from '../main.ts'

export type Content = string | Uint8Array
/** File name to new content; undefined removes the file or folder. */
export type Damage = Record<string, Content | undefined>

/** The flags under which a model of these tests writes a profile. */
export const QUICK = ['--threads', '1', '--max-tokens', '2']
/** One interaction on stdin. */
export const LINE = 'how I pruned my roses\n'

/** A temporary folder, with bump's cache in it, and the command line over its files. */
export function damagedInput() {
  const folder = mkdtempSync(join(tmpdir(), 'bump-damaged-'))
  let errors = ''
  let copies = 0

  beforeAll(() => {
    vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    process.stdout.setMaxListeners(0)
  })
  beforeEach(() => {
    errors = ''
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      errors += text
      return true
    })
  })
  afterEach(() => vi.restoreAllMocks())
  afterAll(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  const path = (...parts: string[]) => join(folder, ...parts)
  const run = (argv: string[], stdin = ''): Promise<number> => {
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(stdin)]) as typeof process.stdin)
    return main(argv)
  }
  return {
    path,
    write(name: string, content: Content): string {
      mkdirSync(dirname(path(name)), { recursive: true })
      writeFileSync(path(name), content)
      return path(name)
    },
    /** A copy of a folder with some of its files damaged. */
    damaged(whole: string, files: Damage): string {
      const copy = path(`${whole}-${copies++}`)
      cpSync(path(whole), copy, { recursive: true })
      for (const [name, content] of Object.entries(files)) {
        rmSync(join(copy, name), { recursive: true, force: true })
        if (content !== undefined) writeFileSync(join(copy, name), content)
      }
      return copy
    },
    run,
    /** The command must end with the exit code and the message, no sign of a crash, and memory within bounds. */
    async refused(argv: string[], code: 1 | 2, message: RegExp, stdin = ''): Promise<void> {
      const got = await run(argv, stdin)
      expect(errors).toMatch(message)
      expect(errors).not.toMatch(/^\s+at /m)
      expect(errors).not.toContain('This is a bug')
      expect(got).toBe(code)
      expect(process.resourceUsage().maxRSS).toBeLessThan(2e6) // kilobytes
    },
  }
}
