// The whole HTTP application over a store: every address of `bump serve`, without a socket. Tests call it as it is.
import { randomUUID } from 'node:crypto'
import { bodyLimit } from 'hono/body-limit'
import { except } from 'hono/combine'
import type { Logger } from 'pino'
import { addInteractions } from '../store/interactions.ts'
import { checkKey, type KeyInfo } from '../store/keys.ts'
import type { Store } from '../store/open.ts'
import { around } from './around.ts'
import { authentication, type FindKey } from './auth.ts'
import { RateLimit, rateLimited } from './limits.ts'
import { type InnerFetch, mcpRoute } from './mcp/route.ts'
import type { ServerMetrics } from './metrics.ts'
import { ownHost, ownOrigin } from './origin.ts'
import { pageRoutes } from './pages/pages.tsx'
import { Problem } from './problem.ts'
import { upstreamKeyOf } from './proxy/key.ts'
import { proxyRoutes } from './proxy/proxy.ts'
import type { Upstream } from './proxy/upstream.ts'
import { administrationRoutes } from './routes/administration.ts'
import { correctionRoutes } from './routes/corrections.ts'
import { erasureRoutes } from './routes/erasure.ts'
import { interactionRoutes } from './routes/interactions.ts'
import { profileRoutes } from './routes/profiles.ts'
import { type Api, newApi, refuseOtherMethods } from './routes/route.ts'
import { systemRoutes } from './routes/system.ts'
import { userRoutes } from './routes/users.ts'
import { profileForModel } from './served.ts'

export interface AppOptions {
  store: Store
  log: Logger
  metrics: ServerMetrics
  /** Whether the server is ending. */
  ending: () => boolean
  /** Requests a minute of one key; undefined: no limit. */
  requestsPerMinute?: number
  /** Whose project a request without a key is of, where keys are switched off. */
  everybody?: KeyInfo
  /** The model server behind the proxy; without it there is no proxy. */
  upstream?: Upstream
  /** Tokens that its models read. */
  contextTokens?: number
}

/** Longest body of the API, and of the proxy, whose requests may hold images. */
const API_BYTES = 4 * 2 ** 20
const PROXY_BYTES = 32 * 2 ** 20

export function createApp(options: AppOptions): Api {
  const { store, log, metrics, upstream, contextTokens, requestsPerMinute, everybody } = options
  const find: FindKey = async (key) => everybody ?? (key === undefined ? undefined : await checkKey(store, key))
  const app = newApi()
  app.use(around(log, metrics))
  app.onError((error, c) => Problem.of(error).response(c.get('requestId')))
  app.notFound((c) => new Problem('not-found').response(c.get('requestId')))
  if (everybody !== undefined) {
    app.use(ownHost)
    for (const path of ['/v1/*', '/openai/*']) app.use(path, ownOrigin)
  }
  systemRoutes(app, store, metrics, options.ending)

  const guards = [authentication(find), ...(requestsPerMinute ? [rateLimited(new RateLimit(requestsPerMinute))] : [])]
  const longest = (maxSize: number) =>
    // Nobody reads the body of a request that has none, and looking for one takes a tenth of reading a profile.
    except(
      (c) => ['GET', 'HEAD'].includes(c.req.method),
      bodyLimit({
        maxSize,
        onError: () => {
          throw new Problem('too-large', `the body is longer than ${maxSize / 2 ** 20} MiB`)
        },
      }),
    )
  const api = newApi()
  api.use(...guards, longest(API_BYTES))
  addRoutes(api, store, metrics)
  refuseOtherMethods(api)
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })
  app.route('/v1', api)
  app.route('/', pageRoutes(store, find))

  app.use('/mcp', ownOrigin, ...guards, longest(API_BYTES))
  app.all('/mcp', mcpRoute(innerFetch(store, metrics)))

  if (upstream === undefined) return app
  app.use('/openai/v1/*', ...guards, longest(PROXY_BYTES))
  app.route(
    '/openai/v1',
    proxyRoutes({
      upstream,
      contextTokens,
      keyOf: (project) => upstreamKeyOf(store, project),
      profile: (scope, version) => profileForModel(store, scope, version),
      record: async (scope, turns) => {
        await addInteractions(
          store,
          scope,
          turns.map((turn) => ({ ...turn, user: scope.user })),
        )
      },
      onOutcome: (result, milliseconds) => {
        metrics.proxied.inc({ result })
        metrics.proxyAdded.observe(milliseconds / 1000)
      },
    }),
  )
  return app
}

function addRoutes(api: Api, store: Store, metrics: ServerMetrics): void {
  interactionRoutes(api, store, metrics)
  userRoutes(api, store)
  profileRoutes(api, store)
  correctionRoutes(api, store)
  erasureRoutes(api, store)
  administrationRoutes(api, store)
}

/** The API for who was let in already: without a socket, a limit and a line in the log. */
export function innerFetch(store: Store, metrics: ServerMetrics): InnerFetch {
  const app = newApi()
  const api = newApi()
  api.use(async (c, next) => {
    c.set('key', (c.env as unknown as { key: KeyInfo }).key)
    c.set('requestId', randomUUID())
    await next()
  })
  addRoutes(api, store, metrics)
  app.route('/v1', api)
  app.onError((error, c) => Problem.of(error).response(c.get('requestId')))
  return (key) => async (url, init) => await app.request(url, init, { key })
}
