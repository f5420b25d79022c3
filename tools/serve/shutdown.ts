// SIGTERM in the middle of everything: what can be finished is, what cannot is ended in time, and nothing is torn.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Check } from './check.ts'
import { filled, SCOPE, userOf } from './filled.ts'
import { NANO, pause, Running, until } from './service.ts'
import { wholeVersions } from './whole.ts'

const STREAMS = 20
/** Milliseconds that half of the streams go on for; the others have no end. */
const LENGTH = 5000
const LINE = 'data: {"choices":[{"delta":{"content":"word "}}]}\n\n'
/** Users that a worker claims at once: with all of them, it is at writing. */
const BATCH = 16
/** Seconds. */
const LONGEST = 30

export const shutdown: Check = {
  name: 'shutdown',
  about: `SIGTERM with ${STREAMS} open streams and profiles under way: exit 0 within ${LONGEST} s, no claim, nothing torn`,
  async run({ db }, found) {
    const { store, key } = await filled(db, { users: 400 })
    const model = await streaming()
    const service = await Running.serve(db, [...NANO, '--upstream', model.address])
    const ends: { endless: boolean; whole: boolean }[] = []
    const streams = Array.from({ length: STREAMS }, async (_, s) => {
      const endless = s % 2 === 1
      const response = await fetch(`${service.address}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: {
          ...{ authorization: `Bearer ${key}`, 'x-bump-user': userOf(s), 'content-type': 'application/json' },
        },
        body: JSON.stringify({
          model: endless ? 'endless' : 'short',
          stream: true,
          messages: [{ role: 'user', content: 'hi' }],
        }),
      })
      const text = await response.text().catch(() => '')
      ends.push({ endless, whole: text.endsWith('data: [DONE]\n\n') })
    })
    await until(() => model.open() === STREAMS)
    const claimed = async () =>
      (
        await store.db
          .selectFrom('person')
          .select('user')
          .where('project', '=', SCOPE.project)
          .where('lease', 'is not', null)
          .execute()
      ).length
    await until(async () => (await claimed()) >= BATCH)
    const underWay = await claimed()
    const told = performance.now()
    service.child.kill('SIGTERM')
    await pause(500)
    const refused = await fetch(`${service.address}/healthz`).then(
      () => false,
      () => true,
    )
    const { code } = await service.ended
    const seconds = (performance.now() - told) / 1000
    await Promise.all(streams)
    found.figure('users under way', underWay)
    found.figure('seconds', seconds)
    found.figure(
      'streams that ended whole',
      `${ends.filter(({ whole }) => whole).length} of ${STREAMS / 2} with an end`,
    )
    found.holds(code === 0, `it ended with ${code}:\n${service.stderr.slice(-1000)}`)
    found.holds(seconds < LONGEST, `it took ${seconds.toFixed(1)} s`)
    found.holds(refused, 'it took another request')
    found.holds(
      ends.every(({ endless, whole }) => endless || whole),
      'a stream that had an end was cut',
    )
    await wholeVersions(store, found)
    await model.close()
    await store.close()
  },
}

/** A model server that streams words: for a while, or until nobody listens. */
async function streaming() {
  const open = new Set<ServerResponse>()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const endless = body.includes('"endless"')
    open.add(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const started = performance.now()
    while (!response.destroyed && (endless || performance.now() - started < LENGTH)) {
      response.write(LINE)
      await pause(100)
    }
    response.end('data: [DONE]\n\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    open: () => open.size,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
