// The queue: every due user once, by any number of workers, and nothing published that may not be.
import { afterEach, expect, it, vi } from 'vitest'
import { addCorrection } from '../corrections.ts'
import { forgetInteractions } from '../forget.ts'
import { addInteractions, setExcluded } from '../interactions.ts'
import { openStore } from '../open.ts'
import { readUser, requestRefresh, setProfiling } from '../persons.ts'
import { readProfile } from '../profiles.ts'
import {
  type Claim,
  claimDue,
  failClaim,
  LEASE,
  listQueue,
  queueState,
  releaseClaims,
  renewClaims,
  workerDied,
  workerGone,
  workerSeen,
} from '../queue.ts'
import { finishRefresh, refreshWork } from '../refresh.ts'
import { claimed, newProject, published, type TestedStore, withUser, written } from './stores.ts'

const EVERYBODY = { worker: 'w', limit: 1000 }

/** The clock of the store, moved ahead. */
function ahead(milliseconds: number): void {
  const now = Date.now() + milliseconds
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(now)
}

export function testQueue({ store, address }: TestedStore): void {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('gives each due user to one of many workers, projects in turn', async () => {
    const [large, small] = [await newProject(store()), await newProject(store())]
    const users = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`)
    for (const [scope, count] of [
      [large, 12],
      [small, 3],
    ] as const) {
      const batch = users(count).flatMap((user) =>
        [1, 2, 3, 4, 5].map((i) => ({ user, id: `${i}`, text: `text ${i}` })),
      )
      await addInteractions(store(), scope, batch)
    }
    ahead(600_000)
    // One process opens a file of SQLite once: of two connections one would wait, and keep the other from going on.
    const others = store().kind === 'sqlite' ? [] : [await openStore(address()), await openStore(address())]
    const mine = ({ project }: Claim) => [large.project, small.project].includes(project)
    const rounds: Claim[][] = []
    for (let round = 0; round < 8; round++) {
      const workers = [store(), store(), ...others]
      rounds.push((await Promise.all(workers.map((each) => claimDue(each, { worker: 'w', limit: 4 })))).flat())
    }
    const own = rounds.flat().filter(mine)
    expect(new Set(own.map(({ project, user }) => `${project} ${user}`)).size).toBe(15)
    expect(own.length).toBe(15)
    // Within a round it is left to chance which worker is the quicker.
    const last = rounds.findLastIndex((claims) => claims.some(({ project }) => project === small.project))
    expect(rounds.slice(0, last).flat().filter(mine).length).toBeLessThan(12)
    await releaseClaims(store(), rounds.flat())
    await Promise.all(others.map((each) => each.close()))
  })

  it('takes a lease that ended over, and lets its holder write nothing', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    const slow = await claimed(store(), scope)
    ahead(LEASE - 1000)
    await renewClaims(store(), [slow.claim])
    ahead(LEASE - 1000)
    expect((await claimDue(store(), EVERYBODY)).some(({ project }) => project === scope.project)).toBe(false)
    ahead(2000)
    const quick = (await claimDue(store(), EVERYBODY)).find(({ project }) => project === scope.project)!
    expect(await refreshWork(store(), slow.claim)).toBeUndefined()
    expect(await finishRefresh(store(), slow, { written: written(slow, 'slow') })).toBe('lost')
    await failClaim(store(), slow.claim, 'too late')
    const work = (await refreshWork(store(), quick))!
    expect(await finishRefresh(store(), work, { written: written(work, 'quick') })).toBe('done')
    expect(await readProfile(store(), scope)).toMatchObject({ text: 'quick', version: 1 })
    expect(await readUser(store(), scope)).toMatchObject({ dueAt: undefined, attempts: 0 })
  })

  it('leaves due what came in while a profile was written', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    const work = await claimed(store(), scope)
    await withUser(store(), scope, 'u', 9)
    await finishRefresh(store(), work, { written: written(work, 'of five') })
    expect(await readUser(store(), scope)).toMatchObject({ newInteractions: 4, dueReason: 'new', version: 1 })
    const again = await claimed(store(), scope)
    await addCorrection(store(), scope, { kind: 'deny', text: 'beans' })
    await finishRefresh(store(), again, { written: written(again, 'of nine') })
    expect(await readUser(store(), scope)).toMatchObject({ newInteractions: 0, dueReason: 'corrected', version: 2 })
  })

  it('publishes nothing that was written from what is gone by then', async () => {
    const changes = [
      (scope: typeof user) => forgetInteractions(store(), scope, { ids: ['i2'] }, { dryRun: false }),
      (scope: typeof user) => setExcluded(store(), scope, ['i2'], true),
      (scope: typeof user) => setProfiling(store(), scope, 'off'),
      (scope: typeof user) =>
        addInteractions(store(), scope, [{ user: 'u', id: 'i2', text: 'another' }], { upsert: true }),
    ]
    const user = await withUser(store(), await newProject(store()), 'u', 5)
    for (const change of changes) {
      const scope = await withUser(store(), await newProject(store()), 'u', 5)
      const work = await claimed(store(), scope)
      await change(scope)
      expect(await finishRefresh(store(), work, { written: written(work, 'says two') })).toBe('outdated')
      expect((await readProfile(store(), scope)).text).toBe('')
    }
  })

  it('gives back what a worker was at that died, at first at once, then later and apart', async () => {
    const project = await newProject(store())
    const users = [await withUser(store(), project, 'u', 5), await withUser(store(), project, 'v', 5)]
    for (const user of users) await requestRefresh(store(), user)
    const claim = async (worker: string) => {
      const claims = await claimDue(store(), { worker, limit: 1000 })
      await releaseClaims(
        store(),
        claims.filter((each) => each.project !== project.project),
      )
      return claims.filter((each) => each.project === project.project).length
    }
    expect(await claim('w1')).toBe(2)
    await workerDied(store(), 'w2')
    expect(await claim('w2')).toBe(0)
    await workerDied(store(), 'w1')
    expect(await listQueue(store(), project, { limit: 9 })).toMatchObject([
      { attempts: 1, claimed: false, lastError: expect.stringContaining('the worker died') },
      { attempts: 1, claimed: false },
    ])
    expect(await claim('w2')).toBe(2)
    // Off while it is written: then it is nobody's work, whoever dies.
    await setProfiling(store(), users[1], 'off')
    await workerDied(store(), 'w2')
    const [left, ...others] = await listQueue(store(), project, { limit: 9 })
    expect([left.user, left.attempts, others]).toEqual(['u', 2, []])
    expect(left.dueAt - Date.now()).toBeGreaterThan(25_000)
    expect(await claim('w3')).toBe(0)
  })

  it('tries again later and later what failed', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    await failClaim(store(), (await claimed(store(), scope)).claim, 'the model is away')
    await withUser(store(), scope, 'u', 6)
    const once = await readUser(store(), scope)
    expect(once).toMatchObject({ attempts: 1, lastError: 'the model is away' })
    expect(once.dueAt! - Date.now()).toBeGreaterThan(25_000)
    expect(await listQueue(store(), scope, { limit: 5 }).catch(({ code }) => code)).toBe('not-found')
    const { user: _, ...project } = scope
    expect(await listQueue(store(), project, { limit: 5 })).toMatchObject([{ user: 'u', attempts: 1, claimed: false }])
    await requestRefresh(store(), scope)
    expect(await readUser(store(), scope)).toMatchObject({ attempts: 0 })
  })

  it('rolls back, keeps scores, and writes no more in a day than the project allows', async () => {
    const scope = await withUser(store(), await newProject(store(), { refresh: { perDay: 3 } }), 'u', 5)
    await published(store(), scope, 'good')
    await published(store(), scope, 'worse')
    const work = await claimed(store(), scope)
    expect([work.served?.text, work.before?.text, work.first]).toEqual(['worse', 'good', false])
    const scores = { against: 1, interactions: 12, sum: -2, throughSeq: 5 }
    await finishRefresh(store(), work, { scores, rollBack: true, written: written(work, 'no', { status: 'rejected' }) })
    expect(await readProfile(store(), scope)).toMatchObject({ text: 'good', version: 3, origin: 'restored' })
    await requestRefresh(store(), scope)
    const claims = await claimDue(store(), EVERYBODY)
    expect(claims.some(({ project }) => project === scope.project)).toBe(false)
    await releaseClaims(store(), claims)
  })

  it('knows who works, and what is due', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    await requestRefresh(store(), scope)
    await workerSeen(store(), 'w1', 'digest')
    await workerSeen(store(), 'w1', 'digest')
    const state = await queueState(store())
    expect(state.due).toBeGreaterThan(0)
    expect(state.oldestDueAt).toBeLessThanOrEqual(Date.now())
    expect(Date.now() - state.workerSeenAt!).toBeLessThan(60_000)
    await workerGone(store(), 'w1')
    expect((await queueState(store())).workerSeenAt).toBeUndefined()
  })
}
