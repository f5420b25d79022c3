// `npm run test:serve -- --figures MODEL`: how fast it is, as rows of docs/performance.md. Nothing else may run meanwhile.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { filled, userOf } from './filled.ts'
import { Places } from './place.ts'
import { manyRequests } from './requests.ts'
import { bump, NANO, Running } from './service.ts'

const USERS = 64
const SECONDS = 20

/** Prints the rows. `model`: what writes the profiles of the first. */
export async function printFigures(model: string): Promise<void> {
  const places = await Places.open('sqlite')
  try {
    console.log('| work | figure |\n| --- | --- |')
    await refreshesAnHour((await places.fresh()).db, model)
    await requestsASecond((await places.fresh()).db)
  } finally {
    await Running.killLeft()
    await places.close()
  }
}

/** The first profiles of users, and the next ones, which the gate judges. */
async function refreshesAnHour(db: string, model: string): Promise<void> {
  const { store } = await filled(db, { users: USERS, interactions: 20 })
  for (const what of ['first profiles, not judged', 'later ones, judged by the generator']) {
    const started = performance.now()
    await bump('worker', '--db', db, '--model', model, '--once')
    const hour = (USERS * 3_600_000) / (performance.now() - started)
    console.log(`| refreshes an hour, ${what} (${USERS} users, opening the model included) | ${hour.toFixed(0)} |`)
    await store.db
      .updateTable('person')
      .set({ due_at: 1, due_reason: 'requested' })
      .where('project', '=', 'a')
      .execute()
  }
  await store.close()
}

/** Reads of a profile, and what the proxy adds to a model server that answers at once. */
async function requestsASecond(db: string): Promise<void> {
  const { store, key } = await filled(db, { users: USERS })
  await bump('worker', '--db', db, ...NANO, '--once')
  const model = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
  const direct = `http://127.0.0.1:${(model.address() as AddressInfo).port}`
  const service = await Running.serve(db, ['--upstream', `${direct}/v1`])
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-bump-user': userOf(0) }
  for (const clients of [1, 50]) {
    const read = await manyRequests(service.address, { clients, seconds: SECONDS }, () => ({
      method: 'GET',
      path: `/v1/users/${userOf(0)}/profile`,
      headers,
    }))
    const [rate, times] = [read.perSecond.toFixed(0), `${read.p50.toFixed(1)} ms, p99 ${read.p99.toFixed(1)} ms`]
    console.log(`| reads of a profile, ${clients} at once | ${rate} a second, median ${times} |`)
  }
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] })
  const chat = (address: string, path: string) =>
    manyRequests(address, { clients: 1, seconds: SECONDS }, () => ({ method: 'POST', path, body, headers }))
  const plain = await chat(direct, '/v1/chat/completions')
  const proxied = await chat(service.address, '/openai/v1/chat/completions')
  const added = (share: 'p50' | 'p99') => (proxied[share] - plain[share]).toFixed(1)
  console.log(`| the proxy adds to a chat, one at a time | median ${added('p50')} ms, p99 ${added('p99')} ms |`)
  await service.end()
  model.closeAllConnections()
  model.close()
  await store.close()
}
