// The gates from end to end with writers of known worth and a judge that counts shared words: what is rejected before
// publishing, rolled back afterwards, published whatever it is worth after a deletion, and kept from a whole project.
import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Generator } from '../../generator/open.ts'
import type { Judge, Pool } from '../../judge/types.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import { readAudit } from '../../store/audit.ts'
import { addCorrection } from '../../store/corrections.ts'
import { forgetInteractions } from '../../store/forget.ts'
import { addInteractions, setExcluded } from '../../store/interactions.ts'
import { openStore, type Store, scrubJournal } from '../../store/open.ts'
import { requestRefresh } from '../../store/persons.ts'
import { listVersions, readProfile } from '../../store/profiles.ts'
import { changeSettings, createProject } from '../../store/projects.ts'
import type { Scope } from '../../store/scope.ts'
import { seedFrom, shuffled } from '../../util/random.ts'
import { runWorker, type WorkerEvent } from './worker.ts'

const NOW = { refresh: { quietSeconds: 0, pauseSeconds: 0 } }
const USERS = 17
const WORDS = 12
const ids = Array.from({ length: USERS }, (_, u) => `user${u}`)
const ownWords = (u: number) => Array.from({ length: WORDS }, (_, w) => `topic${u % USERS}x${w}`)
const some = (words: readonly string[], count: number, ...seed: (string | number)[]) =>
  shuffled(words, seedFrom(...seed)).slice(0, count)

/** The i-th text of a user: words of their own, one of everybody's, and one of somebody else's. */
const textOf = (u: number, i: number) => {
  const other = ownWords(u + 1 + (i % (USERS - 1)))
  const common = Array.from({ length: 5 }, (_, w) => `common${w}`)
  return ['note', `of${u}`, ...some(ownWords(u), 3, u, i), ...some(common, 1, u, i), ...some(other, 1, u, i)].join(' ')
}

const WRITERS = {
  equal: (u: number, seed: string) => some(ownWords(u), 9, 'profile', u, seed),
  mild: (u: number, seed: string) => [...some(ownWords(u), 4, u, seed), ...some(ownWords(u + 7), 5, u, seed)],
  another: (u: number, seed: string) => some(ownWords(u + 7), 9, 'profile', u, seed),
}

/** A generator that knows whose history it is shown. */
function stubWriter(kind: keyof typeof WRITERS, digest: string): Generator {
  const model = toyModel()
  const { tokenizer } = model
  return {
    digest,
    model: Object.assign(model, {
      sample: async (requests: { prompt: readonly number[] }[]) =>
        requests.map(({ prompt }) => {
          const u = Number(/note of(\d+)/.exec(tokenizer.decode([...prompt]))![1])
          const tokens = tokenizer.encode(WRITERS[kind](u, digest).join(', '))
          return [{ tokens, logprobs: new Float32Array(tokens.length), stopReason: 'stop' }]
        }),
    }),
    settings: {
      prompt: { system: '', instruction: '', historyTokens: 2000, interactionTokens: 100 },
      maxTokens: 100,
      temperature: 0,
      seed: 1,
    },
  } as unknown as Generator
}

const wordsOf = (text: string) => new Set(text.match(/\w+/g))
const shared = ({ query, candidates }: Pool) => [
  candidates.map((text) => [...wordsOf(text)].filter((word) => wordsOf(query).has(word)).length),
]
const judge: Judge = {
  name: 'shared words',
  describe: () => ({}),
  score: async ({ forward, backward }) => ({ forward: forward.map(shared), backward: backward.map(shared) }),
}

describe('gates, with writers of known worth', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-gates-'))
  const scope: Scope = { project: 'p', actor: 'test' }
  const add = (store: Store, from: number, to: number, users = ids) =>
    addInteractions(
      store,
      scope,
      users.flatMap((user) =>
        Array.from({ length: to - from }, (_, i) => {
          const at = from + i
          return { user, id: `${at}`, time: 1000 + at, text: textOf(ids.indexOf(user), at) }
        }),
      ),
    )
  const work = async (store: Store, kind: keyof typeof WRITERS, digest: string) => {
    const events: WorkerEvent[] = []
    await runWorker({ store, judge, generator: stubWriter(kind, digest), once: true, onEvent: (e) => events.push(e) })
    return events
  }
  /** Works on a copy of a store. */
  const within = async <T>(from: string, use: (store: Store) => Promise<T>): Promise<T> => {
    const path = join(folder, `${randomUUID()}.sqlite`)
    if (from !== '') copyFileSync(join(folder, from), path)
    const store = await openStore(path)
    try {
      return await use(store)
    } finally {
      // All of it in the one file that is copied.
      await scrubJournal(store)
      await store.close()
      renameSync(path, join(folder, 'last'))
    }
  }
  const kept = (name: string) => renameSync(join(folder, 'last'), join(folder, name))
  const rejected: Record<string, number> = {}
  const judged = async (store: Store, kind: keyof typeof WRITERS, digest: string) => {
    const events = await work(store, kind, digest)
    const refreshed = events.flatMap((event) => (event.type === 'refreshed' ? [event] : []))
    expect(refreshed.filter(({ difference }) => difference !== undefined)).toHaveLength(USERS)
    rejected[kind] = refreshed.filter(({ result }) => result === 'rejected').length
  }
  beforeAll(async () => {
    await within('', async (store) => {
      await createProject(store, { id: 'p', settings: { ...NOW, gate: { release: false } } })
      await add(store, 0, 6)
      await work(store, 'equal', 'old')
      await add(store, 6, 10)
    })
    kept('due')
    await within('due', (store) => judged(store, 'equal', 'old'))
    kept('served')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('rejects the more, the worse the writer is', async () => {
    await within('due', (store) => judged(store, 'mild', 'mild'))
    await within('due', (store) => judged(store, 'another', 'bad'))
    expect(rejected.equal).toBeLessThanOrEqual(USERS * 0.2)
    expect(rejected.mild).toBeGreaterThan(rejected.equal)
    expect(rejected.another).toBeGreaterThan(rejected.mild)
    expect(rejected.another).toBeGreaterThanOrEqual(USERS * 0.9)
  })

  it('rolls back what ten later interactions find worse, and publishes anything after a deletion', async () => {
    await within('served', async (store) => {
      const of = (user: string) => ({ ...scope, user })
      const before = (await readProfile(store, of('user3'))).text
      // A floor that lets everything through.
      await changeSettings(store, scope, { ...NOW, gate: { floor: 1, release: false } })
      await requestRefresh(store, of('user3'))
      await work(store, 'another', 'old')
      expect((await readProfile(store, of('user3'))).text).not.toBe(before)
      await add(store, 10, 20, ['user3'])
      expect(await work(store, 'another', 'old')).toMatchObject([{ rolledBack: true }])
      const versions = (await listVersions(store, of('user3'), { limit: 9 })).data
      expect(versions.find(({ origin }) => origin === 'restored')?.text).toBe(before)

      await changeSettings(store, scope, { ...NOW, gate: { floor: 0, release: false } })
      await forgetInteractions(store, of('user4'), { ids: ['0'] }, { dryRun: false })
      expect(await work(store, 'another', 'old')).toMatchObject([{ reason: 'erased', result: 'unscored' }])
    })
  })

  it('keeps a worse generator from a whole project until that is switched off, and lets an equal one take over', async () => {
    await within('served', async (store) => {
      await changeSettings(store, scope, NOW)
      await add(store, 10, 14, ['user1'])
      const [compared, ...rest] = await work(store, 'another', 'worse')
      expect(compared).toMatchObject({ type: 'compared', project: 'p', passed: false, users: USERS })
      expect(rest).toEqual([])
      // It is said once, and holds.
      expect(await work(store, 'another', 'worse')).toEqual([])
      const { data } = await readAudit(store, scope, { limit: 1 })
      expect(data).toMatchObject([{ action: 'writer.compared', details: { writer: 'worse', passed: false } }])

      // What people erase and correct counts at once all the same, and is written anew by whom they trusted before.
      const of = (user: string) => ({ ...scope, user })
      const said = async (user: string) => (await readProfile(store, of(user))).text
      const denied = /\w+/.exec(await said('user5'))![0]
      await forgetInteractions(store, of('user2'), { ids: ['0'] }, { dryRun: false })
      await setExcluded(store, of('user3'), ['0'], true)
      await addInteractions(store, scope, [{ user: 'user4', id: '0', text: 'another' }], { upsert: true })
      await addCorrection(store, of('user5'), { kind: 'deny', text: denied })
      expect(await work(store, 'another', 'worse')).toEqual([])
      for (const user of ['user2', 'user3', 'user4']) expect(await said(user)).toBe('')
      expect(await said('user5')).not.toContain(denied)
      const again = await work(store, 'equal', 'old')
      const reasons = again.flatMap((event) => (event.type === 'refreshed' ? [event.reason] : []))
      expect(reasons.filter((reason) => ['erased', 'corrected'].includes(reason))).toHaveLength(4)
      for (const user of ['user2', 'user3', 'user4']) expect(await said(user)).not.toBe('')

      const taken = await work(store, 'equal', 'as good')
      expect(taken[0]).toMatchObject({ type: 'compared', passed: true })
      expect(taken.filter((event) => event.type === 'refreshed')).toHaveLength(USERS)

      await changeSettings(store, scope, { ...NOW, gate: { release: false } })
      await requestRefresh(store, { ...scope, user: 'user5' })
      const asked = (event: WorkerEvent) => event.type === 'refreshed' && event.reason === 'requested'
      expect((await work(store, 'another', 'worse')).filter(asked)).toHaveLength(1)
    })
  })

  it('writes nothing for a project where it could not be compared, and goes on elsewhere', async () => {
    await within('served', async (store) => {
      await changeSettings(store, scope, NOW)
      await add(store, 10, 14, ['user1'])
      await createProject(store, { id: 'q', settings: NOW })
      const texts = Array.from({ length: 5 }, (_, i) => `elsewhere: ${textOf(1, i)}`)
      const interactions = texts.map((text) => ({ user: 'user1', text }))
      await addInteractions(store, { ...scope, project: 'q' }, interactions)
      const generator = stubWriter('equal', 'breaks')
      const { model } = generator
      const sample = model.sample.bind(model)
      model.sample = (requests, options) => {
        if (requests.every(({ prompt }) => model.tokenizer.decode(prompt).includes('elsewhere')))
          return sample(requests, options)
        throw new RangeError(textOf(1, 1))
      }
      const [stop, events] = [new AbortController(), [] as WorkerEvent[]]
      const onEvent = (event: WorkerEvent) => {
        events.push(event)
        if (event.type === 'refreshed') stop.abort()
      }
      await runWorker({ store, judge, generator, signal: stop.signal, onEvent })
      expect(events).toMatchObject([
        { type: 'not-compared', project: 'p', message: 'a bug: RangeError' },
        { type: 'refreshed', result: 'unscored' },
      ])
    })
  })
})
