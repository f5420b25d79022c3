// Several processes on one database: two servers and the command line, and workers that share the work.
import type { Check } from './check.ts'
import { filled, SCOPE, userOf } from './filled.ts'
import { bump, client, NANO, Running } from './service.ts'
import { wholeProfiles } from './whole.ts'

export const servers: Check = {
  name: 'two-servers',
  about: 'two servers and the command line on one database: what one stores the other says, and each once',
  async run({ db }, found) {
    const { store, key } = await filled(db)
    const [one, two] = await Promise.all([Running.serve(db), Running.serve(db)])
    const [first, second] = [one, two].map(({ address }) => client(address, key))
    const count = 200
    // Each takes all of them, in another order.
    const send = async (call: typeof first, from: number) => {
      let accepted = 0
      for (let n = 0; n < count; n++) {
        const i = (n + from) % count
        const interactions = [{ user: userOf(i % 7), id: `e${i}`, time: 1000 + i, text: `text ${i}` }]
        const { status, json } = await call('POST', '/v1/interactions', { interactions })
        found.holds(status === 200, `a request was answered by ${status}`)
        accepted += json.accepted ?? 0
      }
      return accepted
    }
    const line = ['--db', db, '--project', SCOPE.project]
    const [a, b, made] = await Promise.all([
      send(first, 0),
      send(second, count / 2),
      bump('serve', 'keys', 'create', ...line, '--role', 'read'),
    ])
    found.figure('accepted by the two', `${a} + ${b}`)
    found.holds(a + b === count, `${a + b} of ${count} interactions were accepted`)
    const users = async (call: typeof first) => (await call('GET', '/v1/users')).text
    found.holds((await users(first)) === (await users(second)), 'the servers say different things')
    const read = client(two.address, made.trim())
    found.holds((await read('GET', '/v1/users')).status === 200, 'a key of the command line is not known')
    await bump('serve', 'keys', 'revoke', ...line, made.split('_')[1])
    found.holds((await read('GET', '/v1/users')).status === 401, 'a key that the command line revoked is taken')
    await Promise.all([one.end(), two.end()])
    await store.close()
  },
}

export const workers: Check = {
  name: 'three-workers',
  about: 'three workers on 500 due users: every profile is written once',
  async run({ db }, found, quick) {
    const users = quick ? 60 : 500
    const { store } = await filled(db, { users })
    const started = performance.now()
    const work = () => bump('worker', '--db', db, ...NANO, '--once')
    const shares = (await Promise.all([work(), work(), work()])).map((said) => Number.parseInt(said, 10))
    found.figure('users', users)
    found.figure('by each worker', shares.join(' + '))
    found.figure('seconds', (performance.now() - started) / 1000)
    const sum = shares.reduce((total, share) => total + share, 0)
    found.holds(sum === users, `${sum} profiles were written for ${users} users`)
    const again = await store.db
      .selectFrom('profile')
      .select('user')
      .where('project', '=', SCOPE.project)
      .where('version', '>', 1)
      .execute()
    found.holds(again.length === 0, `${again.length} users were written twice`)
    await wholeProfiles(store, users, found)
    await store.close()
  },
}
