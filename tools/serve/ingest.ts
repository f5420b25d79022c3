// Interactions that come again and again, from many clients at once, are stored once each.
import type { Check } from './check.ts'
import { filled, SCOPE, textOf } from './filled.ts'
import { manyRequests } from './requests.ts'
import { Running } from './service.ts'

const CLIENTS = 8
const BATCH = 20
const REPEATED = 0.3

export const ingest: Check = {
  name: 'ingest',
  about: `${CLIENTS} clients send batches of ${BATCH}, ${100 * REPEATED} % repeated: accepted = stored = distinct ids`,
  async run({ db }, found, quick) {
    const { store, key } = await filled(db)
    const service = await Running.serve(db)
    const sent: number[] = []
    let next = 0
    let [accepted, duplicates, others] = [0, 0, 0]
    const measured = await manyRequests(
      service.address,
      { clients: CLIENTS, seconds: quick ? 5 : 30 },
      () => {
        const interactions = Array.from({ length: BATCH }, () => {
          const again = sent.length > 0 && Math.random() < REPEATED
          const n = again ? sent[Math.floor(Math.random() * sent.length)] : next++
          if (!again) sent.push(n)
          return { user: `u${n % 97}`, id: `e${n}`, time: 1000 + n, text: textOf(n) }
        })
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
        return { method: 'POST', path: '/v1/interactions', headers, body: JSON.stringify({ interactions }) }
      },
      (_, status, body) => {
        if (status !== 200) return
        const answer = JSON.parse(body)
        accepted += answer.accepted
        duplicates += answer.duplicates
        others += answer.conflicts.length + answer.rejected.length + answer.replaced
      },
    )
    const { stored } = await store.db
      .selectFrom('interaction')
      .select(({ fn }) => fn.countAll<number>().as('stored'))
      .where('project', '=', SCOPE.project)
      .executeTakeFirstOrThrow()
    const persons = await store.db
      .selectFrom('person')
      .select(({ fn }) => fn.sum<number | string>('stored').as('counted'))
      .where('project', '=', SCOPE.project)
      .executeTakeFirstOrThrow()
    found.figure('interactions sent', measured.requests * BATCH)
    found.figure('stored', stored)
    found.figure('a second', measured.perSecond * BATCH)
    found.figure('p99 ms of a batch', measured.p99)
    found.holds(
      Object.keys(measured.statuses).join() === '200',
      `statuses other than 200: ${JSON.stringify(measured.statuses)}`,
    )
    found.holds(accepted === stored, `${accepted} were accepted, ${stored} are stored`)
    found.holds(stored === next, `${next} ids were sent, ${stored} are stored`)
    found.holds(Number(persons.counted) === stored, `users count ${persons.counted}, ${stored} are stored`)
    found.holds(accepted + duplicates === measured.requests * BATCH && others === 0, 'some were neither new nor there')
    await service.end()
    await store.close()
  },
}
