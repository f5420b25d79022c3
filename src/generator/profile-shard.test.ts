// Profiles of shards: whatever interrupts them, the folder ends with the same bytes, and nobody else's profile changes.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toyPolicy, toyUsers } from '../train/testing/toy-policy.ts'
import { profileShard } from './profile-shard.ts'
import type { GeneratorSettings, ProfiledUser } from './profile-users.ts'
import { type ProfileWriter, profileWriter } from './profile-writer.ts'
import { DEFAULT_WORDING } from './prompt.ts'
import { compareIds, profileParts } from './shard-folder.ts'

let out: string
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'bump-shards-'))
})
afterEach(() => rmSync(out, { recursive: true, force: true }))

const prompt = { ...DEFAULT_WORDING, historyTokens: 100, interactionTokens: 30 }
const settings: GeneratorSettings = { prompt, maxTokens: 6, temperature: 1, seed: 3 }
const shard = { index: 1, of: 1 }

const people = (count: number, prefix = 'u'): ProfiledUser[] =>
  toyUsers(count, prefix).sort((a, b) => compareIds(a.id, b.id))

/** Writes in small calls, and dies in call number `dies`. */
function writer(dies = Number.POSITIVE_INFINITY): ProfileWriter {
  const { write } = profileWriter(toyPolicy(), settings)
  let calls = 0
  return {
    usersAtOnce: 4,
    write: async (users, options) => {
      if (++calls === dies) throw new Error('power cut')
      return await write(users, options)
    },
  }
}

interface Pass {
  to?: string
  generator?: string
  logs?: string
  dies?: number
}

const pass = (users: Iterable<ProfiledUser>, { to = 'a', generator = 'g1', logs = 'l1', dies }: Pass = {}) =>
  profileShard(users, writer(dies), { out: join(out, to), shard, source: { generator, logs, heldOut: null } })

/** All files below a folder with their contents. */
function files(folder: string, below = ''): Record<string, string> {
  const entries = readdirSync(join(folder, below)).map((name) => join(below, name))
  return Object.assign(
    {},
    ...entries.map((name) =>
      statSync(join(folder, name)).isDirectory()
        ? { [name]: 'folder', ...files(folder, name) }
        : { [name]: readFileSync(join(folder, name), 'utf8') },
    ),
  )
}

/** user -> generator, of all parts that the manifest names. */
function generators(to = 'a'): Record<string, string> {
  const folder = join(out, to, 'shard-1-of-1')
  const { parts } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { parts: { file: string }[] }
  const lines = parts.flatMap(({ file }) => readFileSync(join(folder, file), 'utf8').trimEnd().split('\n'))
  return Object.fromEntries(lines.map((line) => JSON.parse(line)).map(({ user, generator }) => [user, generator]))
}

describe('profileShard', () => {
  it('goes on wherever it is interrupted, and leaves the same bytes', async () => {
    const users = people(18)
    expect(await pass(users, { to: 'whole' })).toEqual({ profiles: 18, written: 18 })
    const whole = files(join(out, 'whole'))
    expect(Object.keys(generators('whole'))).toEqual(users.map(({ id }) => id))
    for (const dies of [1, 2, 3, 5]) {
      const to = `killed-${dies}`
      await expect(pass(users, { to, dies })).rejects.toThrow('power cut')
      if (dies > 1) appendFileSync(join(out, to, 'shard-1-of-1', 'pass-1', 'part-00000.jsonl'), '{"user":"u9","pro')
      if (dies > 1) writeFileSync(join(out, to, 'shard-1-of-1', 'progress.json.77.tmp'), '{')
      const done: number[] = []
      const source = { generator: 'g1', logs: 'l1', heldOut: null }
      const onProgress = (users: number) => done.push(users)
      await profileShard(users, writer(), { out: join(out, to), shard, source, onProgress })
      expect(files(join(out, to))).toEqual(whole)
      expect(done.at(-1)).toBe(18)
    }
  })

  it('writes again where the history or the generator changed, and keeps those of other users', async () => {
    const users = people(12)
    await pass(users)
    const before = files(join(out, 'a'))
    expect(await pass(users)).toEqual({ profiles: 12, written: 0 })
    expect(files(join(out, 'a'))).toEqual(before)
    const [first, second, third] = users
    const changed = { ...second, history: [...second.history, { text: 'new', time: undefined, metadata: {} }] }
    expect(await pass([first, changed], { logs: 'l2' })).toEqual({ profiles: 12, written: 1 })
    expect(Object.keys(files(join(out, 'a'))).filter((name) => name.includes('pass-1'))).toEqual([])
    expect(await pass([third, ...people(3, 'x')], { logs: 'l3', generator: 'g2' })).toEqual({
      profiles: 15,
      written: 4,
    })
    const now = generators()
    expect(Object.keys(now)).toEqual([...users.map(({ id }) => id), 'x0', 'x1', 'x2'])
    expect(Object.keys(now).filter((id) => now[id] === 'g2')).toEqual([third.id, 'x0', 'x1', 'x2'])
  })

  it('keeps what an interrupted pass wrote, also where another generator goes on', async () => {
    const users = people(12)
    await pass(users)
    await expect(pass(users, { generator: 'g2', dies: 2 })).rejects.toThrow('power cut')
    // Two lines of the second generator stand in no manifest; those of the first do.
    expect(new Set(Object.values(generators()))).toEqual(new Set(['g1']))
    expect(await pass(users.slice(8), { generator: 'g3', logs: 'l2' })).toEqual({ profiles: 12, written: 4 })
    const expected = users.map(({ id }, u) => [id, u < 4 ? 'g2' : u < 8 ? 'g1' : 'g3'])
    expect(generators()).toEqual(Object.fromEntries(expected))
    expect(await pass(users, { generator: 'g2' })).toEqual({ profiles: 12, written: 8 })
    // Killed while it completes a pass of another source: what is there no longer says how far logs were read.
    await expect(pass(users, { generator: 'g4', dies: 3 })).rejects.toThrow('power cut')
    const progress = join(out, 'a', 'shard-1-of-1', 'progress.json')
    const { source: _, ...rest } = JSON.parse(readFileSync(progress, 'utf8'))
    writeFileSync(progress, JSON.stringify({ ...rest, source: null }))
    expect(await pass(users, { generator: 'g4' })).toEqual({ profiles: 12, written: 4 })
    expect(new Set(Object.values(generators()))).toEqual(new Set(['g4']))
  })

  it('has no folder for nobody', async () => {
    expect(await pass([])).toEqual({ profiles: 0, written: 0 })
    expect(Object.keys(files(join(out, 'a', 'shard-1-of-1')))).toEqual(['manifest.json'])
  })

  it('names its parts only where every shard is complete', async () => {
    const source = { generator: 'g1', logs: 'l1', heldOut: null }
    const part = (index: number) => ({ out: join(out, 'a'), shard: { index, of: 2 }, source })
    await profileShard(people(4), writer(), part(2))
    expect(() => profileParts(join(out, 'a'))).toThrow(/shard-1-of-2 has no complete profiles/)
    await profileShard(people(4, 'x'), writer(), part(1))
    expect(profileParts(join(out, 'a'))).toEqual(
      [1, 2].map((index) => join(out, 'a', `shard-${index}-of-2`, 'pass-1', 'part-00000.jsonl')),
    )
    expect(() => profileParts(out)).toThrow(/shard-1-of-1 has no complete profiles/)
  })

  it('refuses files that were changed, and other shards', async () => {
    await pass(people(4))
    const part = join(out, 'a', 'shard-1-of-1', 'pass-1', 'part-00000.jsonl')
    const content = readFileSync(part, 'utf8')
    for (const bad of ['', content.replace('u0', 'u9'), `${content}x`]) {
      writeFileSync(part, bad)
      await expect(pass(people(5), { logs: 'l2' })).rejects.toThrow(
        /part-00000\.jsonl is not what manifest\.json names/,
      )
    }
    const manifest = join(out, 'a', 'shard-1-of-1', 'manifest.json')
    for (const bad of ['', '{}', readFileSync(manifest, 'utf8').replace('pass-1/part', '../../part')]) {
      writeFileSync(manifest, bad)
      await expect(pass(people(5), { logs: 'l2' })).rejects.toThrow(/manifest\.json is none that bump profile writes/)
    }
    mkdirSync(join(out, 'b', 'shard-2-of-3'), { recursive: true })
    await expect(pass(people(4), { to: 'b' })).rejects.toThrow(/b holds profiles in 3 shards, not in 1/)
    writeFileSync(join(out, 'c'), '')
    await expect(pass(people(4), { to: 'c' })).rejects.toThrow(/c is a file/)
  })
})

describe('batchedWriter', () => {
  it('gives profiles in the order of the users, those of similar prompts sampled together', async () => {
    const users = people(70).map((user, u) => ({ ...user, history: user.history.slice(0, 1 + ((u * 7) % 5)) }))
    const sampled: number[][] = []
    const model = toyPolicy()
    const { sample } = model
    model.sample = (requests, options) => {
      sampled.push(requests.map(({ prompt }) => prompt.length))
      return sample(requests, options)
    }
    const { write } = profileWriter(model, { ...settings, prompt: { ...prompt, historyTokens: 1000 } })
    const together = await write(users, {})
    const lengths = sampled.flat()
    expect(sampled.map((batch) => batch.length)).toEqual([32, 32, 6])
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
    expect(await write(users.slice(5, 6), {})).toEqual([together[5]])
  })
})
