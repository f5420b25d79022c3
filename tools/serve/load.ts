// Profiles are read at a tolerable speed while the worker computes on the same processor.
import type { Check } from './check.ts'
import { filled, userOf } from './filled.ts'
import { manyRequests } from './requests.ts'
import { client, NANO, Running, until } from './service.ts'

const CLIENTS = 50
/** Milliseconds. */
const SLOWEST = 50

export const load: Check = {
  name: 'load',
  about: `${CLIENTS} clients read profiles while the worker writes: p99 below ${SLOWEST} ms, nothing refused`,
  async run({ db }, found, quick) {
    const users = 100
    const { store, key } = await filled(db, { users })
    const service = await Running.serve(db, NANO)
    const call = client(service.address, key)
    await until(async () => (await call('GET', `/v1/users/${userOf(0)}/profile`)).json.status === 'published')
    // So that the worker has work for the whole time.
    let asking = true
    const requesting = (async () => {
      for (let u = 0; asking; u++) await call('POST', `/v1/users/${userOf(u % users)}/profile/refresh`)
    })()
    const before = await refreshes(service.address)
    const measured = await manyRequests(service.address, { clients: CLIENTS, seconds: quick ? 5 : 30 }, () => ({
      method: 'GET',
      path: `/v1/users/${userOf(Math.floor(Math.random() * users))}/profile`,
      headers: { authorization: `Bearer ${key}` },
    }))
    const written = (await refreshes(service.address)) - before
    asking = false
    await requesting
    found.figure('requests a second', measured.perSecond)
    found.figure('median ms', measured.p50)
    found.figure('p99 ms', measured.p99)
    found.figure('longest ms', measured.longest)
    found.figure('profiles written meanwhile', written)
    found.holds(measured.p99 < SLOWEST, `p99 is ${measured.p99.toFixed(1)} ms`)
    found.holds(
      Object.keys(measured.statuses).join() === '200',
      `statuses other than 200: ${JSON.stringify(measured.statuses)}`,
    )
    found.holds(written > 0, 'the worker wrote nothing meanwhile')
    await service.end()
    await store.close()
  },
}

/** Profiles that the worker of a server has written. */
async function refreshes(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  const counts = [...text.matchAll(/^refresh_total\{.*\} (\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
