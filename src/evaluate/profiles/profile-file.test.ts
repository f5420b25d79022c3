import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { historyDigest } from '../../generator/cache.ts'
import { toyUsers } from '../../train/testing/toy-policy.ts'
import { profilesOf, readProfileFile } from './profile-file.ts'

describe('a file of profiles', () => {
  let file: string
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), 'bump-file-')), 'profiles.jsonl')
  })
  afterEach(() => rmSync(join(file, '..'), { recursive: true, force: true }))

  const users = toyUsers(3, 'u')
  const write = (...lines: object[]) => writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const read = () => profilesOf(readProfileFile(file), file, users)

  it('is read in the order of the users, whatever else it holds', () => {
    write(
      { user: 'u2', profile: 'two', extra: 1 },
      { user: 'nobody', profile: 'x' },
      { user: 'u0', profile: 'zero' },
      { user: 'u1', profile: 'one' },
    )
    expect(read()).toEqual({ profiles: ['zero', 'one', 'two'], otherHistory: 0 })
  })

  it('tells profiles of another history, such as one with the held-out interactions in it', () => {
    write(
      { user: 'u0', profile: 'zero', history: historyDigest(users[0].history) },
      { user: 'u1', profile: 'one', history: historyDigest([...users[1].history, ...users[1].heldOut]) },
      { user: 'u2', profile: 'two' },
    )
    expect(read().otherHistory).toBe(1)
  })

  it('of another data set is refused, with ids', () => {
    write({ user: 'a', profile: 'x' }, { user: 'b', profile: 'y' })
    expect(read).toThrow(
      /no profile for 3 of the 3 users to evaluate, so it was written for another data set: u0, u1, u2/,
    )
    write({ user: 'u0', profile: 'x' })
    expect(read).toThrow(/no profile for 2 of the 3 users to evaluate: u1, u2\. The file has users such as u0/)
  })

  it.each([
    ['{"user":"u0","profile":"x"}\n<html>\n', ':2 is no profile'],
    ['{"user":"u0"}\n', ':1 is no profile'],
    ['', 'holds no profiles'],
  ])('%j is refused', (content, message) => {
    writeFileSync(file, content)
    expect(read).toThrow(message)
  })

  it('must be there', () => {
    expect(() => readProfileFile(`${file}.gone`)).toThrow('no such file')
  })
})
