import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NANO_WORDING } from '../generator/prompt.ts'
import { toyPolicy, toyUsers } from '../train/testing/toy-policy.ts'
import { cachedProfiles } from './generated-profiles.ts'

const settings = {
  prompt: { ...NANO_WORDING, historyTokens: 200, interactionTokens: 40 },
  maxTokens: 5,
  temperature: 0,
  seed: 1,
}

describe('cachedProfiles', () => {
  let folder: string
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'bump-profiles-')), 'cache')
  })
  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

  function recording() {
    const calls: number[] = []
    const model = toyPolicy()
    const sample = model.sample.bind(model)
    model.sample = (requests, options) => {
      calls.push(requests.length)
      return sample(requests, options)
    }
    return { model, calls }
  }

  it('samples each user once, whichever users are asked for together', async () => {
    const { model, calls } = recording()
    const users = toyUsers(20, 'u')
    const options = { settings, weights: 'policy' as const, digest: 'd', folder }
    const some = await cachedProfiles(model, users.slice(0, 3), options)
    const progress: number[][] = []
    const all = await cachedProfiles(model, users, { ...options, onProgress: (...done) => progress.push(done) })
    expect(calls).toEqual([3, 16, 1])
    expect(progress).toEqual([
      [19, 20],
      [20, 20],
    ])
    expect(all).toHaveLength(20)
    expect(some).toEqual(all.slice(0, 3))
    await cachedProfiles(model, users.slice(5, 9), options)
    expect(await cachedProfiles(model, users, options)).toEqual(all)
    expect(calls).toHaveLength(3)
  })

  it('keeps several histories of one user apart', async () => {
    const { model } = recording()
    model.state.table[0][4] = 9
    const [user, other] = toyUsers(2, 'u')
    const options = { settings, weights: 'policy' as const, digest: 'd', folder }
    const both = await cachedProfiles(model, [user, { ...user, history: other.history }], options)
    expect(both[0]).not.toBe(both[1])
    expect(await cachedProfiles(model, [user], options)).toEqual([both[0]])
  })

  it('keeps generators apart, and the base from the policy', async () => {
    const { model, calls } = recording()
    model.state.table[0][4] = 9
    const [user] = toyUsers(1, 'u')
    const ask = (more: object) =>
      cachedProfiles(model, [user], { settings, weights: 'policy', digest: 'trained', folder, ...more })
    const trained = await ask({})
    const base = await ask({ weights: 'base', digest: 'base' })
    expect(trained).not.toEqual(base)
    await ask({ settings: { ...settings, maxTokens: 4 } })
    expect(readdirSync(folder)).toHaveLength(3)
    await ask({})
    expect(calls).toHaveLength(3)
  })

  it('keeps what was sampled before a cancellation', async () => {
    const abort = new AbortController()
    const { model } = recording()
    const options = { settings, weights: 'policy' as const, digest: 'd', folder, signal: abort.signal }
    const run = cachedProfiles(model, toyUsers(20, 'u'), { ...options, onProgress: () => abort.abort() })
    await expect(run).rejects.toThrow('cancelled')
    const [file] = readdirSync(folder)
    expect(readFileSync(join(folder, file), 'utf8').trim().split('\n')).toHaveLength(16)
  })
})
