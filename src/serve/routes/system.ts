// What operators and machines ask of the server itself, without a key: is it alive, is it ready, what does it measure,
// what does it offer.
import { packageInfo } from '../../run/package-info.ts'
import type { Store } from '../../store/open.ts'
import { queueState } from '../../store/queue.ts'
import type { ServerMetrics } from '../metrics.ts'
import type { Api } from './route.ts'

/** A worker that was not seen for longer, in milliseconds, is taken for dead. */
const LONGEST_SILENCE = 60_000

/** The routes of the system, and the description of all others. */
export function systemRoutes(api: Api, store: Store, metrics: ServerMetrics, ending: () => boolean): void {
  api.get('/healthz', (c) => c.json({ status: 'alive' }))

  api.get('/readyz', async (c) => {
    const queue = await queueState(store).catch(() => undefined)
    const silence = Date.now() - (queue?.workerSeenAt ?? Date.now())
    const checks = { serving: !ending(), database: queue !== undefined, worker: silence < LONGEST_SILENCE }
    const ready = Object.values(checks).every(Boolean)
    return c.json({ status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503)
  })

  api.get('/metrics', async (c) => {
    const { due, oldestDueAt } = await queueState(store)
    metrics.due.set(due)
    metrics.oldestDue.set(oldestDueAt === undefined ? 0 : Math.max(0, Date.now() - oldestDueAt) / 1000)
    c.header('content-type', metrics.registry.contentType)
    return c.body(await metrics.registry.metrics())
  })

  api.get('/openapi.json', (c) => {
    const { version } = packageInfo()
    return c.json(
      api.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'bump serve', version, description: 'Profiles of users, written from what they wrote.' },
        security: [{ key: [] }],
      }),
    )
  })
}
