// kill -9 at random moments: of the server while clients write, of workers while they write profiles, and of the worker
// that a server started.
import { sql } from 'kysely'
import type { Store } from '../../src/store/open.ts'
import type { Check, Findings } from './check.ts'
import { endClaims, filled, SCOPE, textOf, userOf } from './filled.ts'
import { bump, childrenOf, client, NANO, pause, Running, until } from './service.ts'
import { wholeProfiles } from './whole.ts'

const CLIENTS = 4
const USERS = 20

export const serverKills: Check = {
  name: 'server-kills',
  about: 'kill -9 of the server under writes: every acknowledged interaction is there, counted once, nobody forgotten',
  async run({ db, kind }, found, quick) {
    const { store, key } = await filled(db)
    const acknowledged = new Set<string>()
    let service = await Running.serve(db)
    let going = true
    let next = 0
    const write = async () => {
      while (going) {
        const n = next++
        const [user, id] = [userOf(n % USERS), `e${n}`]
        const interactions = [{ user, id, time: 1000 + n, text: textOf(n) }]
        // What got no answer is sent again, as a client would, and must not count twice.
        while (going) {
          const answer = await client(service.address, key)('POST', '/v1/interactions', { interactions }).catch(
            () => undefined,
          )
          if (answer?.status === 200) {
            acknowledged.add(`${user} ${id}`)
            break
          }
          await pause(20)
        }
      }
    }
    const clients = Array.from({ length: CLIENTS }, write)
    const kills = quick ? 3 : 50
    for (let k = 0; k < kills; k++) {
      await pause(Math.random() * 400)
      await service.kill()
      service = await Running.serve(db)
    }
    await pause(300)
    going = false
    await Promise.all(clients)
    await service.end()
    const rows = await store.db
      .selectFrom('interaction')
      .select(['user', 'id'])
      .where('project', '=', SCOPE.project)
      .execute()
    const there = new Set(rows.map(({ user, id }) => `${user} ${id}`))
    const lost = [...acknowledged].filter((each) => !there.has(each))
    found.figure('kills', kills)
    found.figure('acknowledged', acknowledged.size)
    found.figure('lost', lost.length)
    found.holds(lost.length === 0, `${lost.length} acknowledged interactions are lost, such as ${lost[0]}`)
    found.holds(rows.length === there.size, 'an interaction is there twice')
    if (kind === 'sqlite') {
      const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(store.db)
      found.holds(rows[0].integrity_check === 'ok', `integrity_check: ${rows[0].integrity_check}`)
    }
    await wholePersons(store, found)
    await store.close()
  },
}

/** Counts of users are those of their interactions, and whoever has enough of them is due. */
async function wholePersons(store: Store, found: Findings): Promise<void> {
  const persons = await store.db.selectFrom('person').selectAll().where('project', '=', SCOPE.project).execute()
  for (const { user, stored, published_version, due_at } of persons) {
    const { count } = await store.db
      .selectFrom('interaction')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('project', '=', SCOPE.project)
      .where('user', '=', user)
      .executeTakeFirstOrThrow()
    found.holds(count === stored, `${user} has ${count} interactions and counts ${stored}`)
    found.holds(published_version !== null || count < 5 || due_at !== null, `${user} has no profile and is not due`)
  }
}

export const workerKills: Check = {
  name: 'worker-kills',
  about:
    'kill -9 of workers while they write: every user gets a profile, whole and with its sources, nobody two at once',
  async run({ db }, found, quick) {
    const kills = quick ? 3 : 50
    const users = quick ? 60 : 400
    const { store } = await filled(db, { users })
    let hit = 0
    for (let k = 0; k < kills; k++) {
      const worker = await Running.worker(db)
      await pause(Math.random() * 500)
      await worker.kill()
      if ((await claims(store)) > 0) hit++
      await endClaims(store)
      // Whoever is done is asked for again, so that there is work for every worker.
      await store.db
        .updateTable('person')
        .set({ due_at: Date.now(), due_reason: 'requested' })
        .where('project', '=', SCOPE.project)
        .where('due_at', 'is', null)
        .execute()
    }
    await bump('worker', '--db', db, ...NANO, '--once')
    found.figure('kills', kills)
    found.figure('that hit users under way', hit)
    found.figure('users', users)
    await wholeProfiles(store, users, found)
    await store.close()
  },
}

/** How many users a worker is at. */
async function claims({ db }: Store): Promise<number> {
  const { count } = await db
    .selectFrom('person')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('project', '=', SCOPE.project)
    .where('lease', 'is not', null)
    .executeTakeFirstOrThrow()
  return count
}

export const workerDeath: Check = {
  name: 'worker-death',
  about: 'the worker of a server dies: the API answers all the time, the worker comes back, every user gets a profile',
  async run({ db }, found, quick) {
    const kills = quick ? 1 : 3
    const users = 60
    const { store, key } = await filled(db, { users })
    const service = await Running.serve(db, NANO)
    const call = client(service.address, key)
    let going = true
    let refused = 0
    const reading = (async () => {
      while (going) {
        if ((await call('GET', '/v1/users?limit=1').catch(() => undefined))?.status !== 200) refused++
        await pause(20)
      }
    })()
    let back = 0
    for (let k = 0; k < kills; k++) {
      let worker: number[] = []
      await until(async () => {
        worker = await childrenOf(service.child.pid!)
        return worker.length > 0 && (await seen(store)) !== undefined
      })
      await store.db.deleteFrom('worker').execute()
      const killed = Date.now()
      process.kill(worker[0], 'SIGKILL')
      await until(async () => (await seen(store)) !== undefined)
      back = Math.max(back, (Date.now() - killed) / 1000)
    }
    await until(async () => (await call('GET', '/v1/queue')).json.data.length === 0)
    going = false
    await reading
    found.figure('kills', kills)
    found.figure('longest until a worker was back, s', back)
    found.holds(refused === 0, `${refused} requests were not answered`)
    const said = service.stderr.match(/the worker died; it is started again/g)?.length ?? 0
    found.holds(said === kills, `the log tells of ${said} deaths, not ${kills}`)
    found.holds((await service.end()) === 0, 'the server did not end well')
    await wholeProfiles(store, users, found)
    await store.close()
  },
}

/** When a worker was last there. */
async function seen({ db }: Store): Promise<number | undefined> {
  return (await db.selectFrom('worker').select('seen_at').executeTakeFirst())?.seen_at
}
