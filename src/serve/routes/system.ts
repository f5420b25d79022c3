// What operators and machines ask of the server itself, without a key: is it alive, is it ready, what does it measure,
// what does it offer.
import { sql } from 'kysely'
import { packageInfo } from '../../run/package-info.ts'
import type { Store } from '../../store/open.ts'
import type { ServerMetrics } from '../metrics.ts'
import type { Api } from './route.ts'

/** What readiness depends on besides the database. */
export interface Readiness {
  /** Whether the server is ending. */
  ending(): boolean
  /** Seconds since the worker was seen; undefined where the server has none of its own. */
  workerSilence(): number | undefined
}

/** A worker that was not seen for longer is taken for dead. */
const LONGEST_SILENCE = 60

/** The routes of the system, and the description of all others. */
export function systemRoutes(api: Api, store: Store, metrics: ServerMetrics, readiness: Readiness): void {
  api.get('/healthz', (c) => c.json({ status: 'alive' }))

  api.get('/readyz', async (c) => {
    const silence = readiness.workerSilence()
    const checks = {
      serving: !readiness.ending(),
      database: await answersQueries(store),
      worker: silence === undefined || silence < LONGEST_SILENCE,
    }
    const ready = Object.values(checks).every(Boolean)
    return c.json({ status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503)
  })

  api.get('/metrics', async (c) => {
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

async function answersQueries({ db }: Store): Promise<boolean> {
  try {
    await sql`select 1`.execute(db)
    return true
  } catch {
    return false
  }
}
