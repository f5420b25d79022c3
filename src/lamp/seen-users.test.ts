// Users of a training are not evaluated, unless that is meant.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkSeenUsers } from './seen-users.ts'
import { folderOf } from './testing/lamp-folder.ts'

let silent: string
let run: string
beforeAll(() => {
  silent = mkdtempSync(join(tmpdir(), 'bump-seen-'))
  run = folderOf({ 'users.json': { train: ['a', 'b'], validation: ['c'], test: ['d'] } })
})
afterAll(() => {
  for (const folder of [silent, run]) rmSync(folder, { recursive: true, force: true })
})

describe('users of a run', () => {
  it('are refused with their ids where it trained on them or chose by them', () => {
    expect(() => checkSeenUsers(['d', 'c', 'x', 'a', 'a'], [run], false)).toThrow(
      new RegExp(`^2 of the users to evaluate were in the training of ${run}: c, a\\. .*--seen-users`),
    )
    const many = Array.from({ length: 12 }, (_, i) => `u${i}`)
    writeFileSync(join(run, 'users.json'), JSON.stringify({ train: many, validation: [], test: [] }))
    expect(() => checkSeenUsers(many, [run], false)).toThrow(/: u0, u1, .*u9 and 2 more\./)
  })

  it('are permitted with a note, and those of its test without one', () => {
    writeFileSync(join(run, 'users.json'), JSON.stringify({ train: ['a', 'b'], validation: ['c'], test: ['d'] }))
    expect(checkSeenUsers(['d', 'x'], [run], false)).toEqual([])
    expect(checkSeenUsers(['a', 'x'], [run, run], true)).toEqual([
      expect.stringContaining(`Seen users: 1 of these users were in the training of ${run}`),
    ])
  })

  it('are unknown where the run does not say', () => {
    expect(checkSeenUsers(['a'], [silent], false)).toEqual([expect.stringContaining(`${silent} does not say`)])
  })
})
