// What surrounds every request: its id, what caches may do with the answer, a line in the log and a point in the
// metrics. Neither line nor point has a text, a path or an id of a user: only the route's pattern.
import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Logger } from 'pino'
import type { ServeEnv } from './auth.ts'
import type { ServerMetrics } from './metrics.ts'
import { PROBLEMS, Problem } from './problem.ts'

/** An id that a caller may give its request. */
const REQUEST_ID = /^[\w.-]{8,64}$/

export function around(log: Logger, metrics: ServerMetrics): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const start = performance.now()
    const given = c.req.header('x-request-id') ?? ''
    const requestId = REQUEST_ID.test(given) ? given : randomUUID()
    c.set('requestId', requestId)
    await next()
    const { headers, status } = c.res
    headers.set('x-request-id', requestId)
    // An answer is of one key's holder: nothing between may keep it for another.
    headers.set('cache-control', 'private, no-store')
    headers.append('vary', 'Authorization, X-Bump-Key, X-Bump-User')
    headers.set('x-content-type-options', 'nosniff')
    const milliseconds = performance.now() - start
    const { method } = c.req
    const route = routePath(c, -1)
    metrics.requests.observe({ method, route, status }, milliseconds / 1000)
    const line = { requestId, method, route, status, milliseconds: Math.round(milliseconds), key: c.get('key')?.id }
    if (c.error !== undefined && PROBLEMS[Problem.of(c.error).code][0] === 500)
      log.error({ ...line, error: placeOf(c.error) }, 'failed')
    else log.info(line, 'answered')
  }
}

/** Where an error was thrown. Its message may hold a text, so only its kind is written down. */
function placeOf(error: Error): { name: string; code: unknown; stack: string[] } {
  const lines = (error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line))
  return { name: error.name, code: (error as NodeJS.ErrnoException).code, stack: lines.map((line) => line.trim()) }
}
