// The application on a socket: opened, and ended without cutting anybody short who can be finished in time.
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Logger } from 'pino'
import type { KeyInfo } from '../store/keys.ts'
import type { Store } from '../store/open.ts'
import { workerDied } from '../store/queue.ts'
import { BumpError } from '../util/errors.ts'
import { createApp } from './app.ts'
import { serverMetrics } from './metrics.ts'
import { LOOPBACK } from './origin.ts'
import { Upstream, type UpstreamOptions } from './proxy/upstream.ts'
import { WorkerProcess, type WorkerProgram } from './worker-process.ts'

export interface ServerOptions {
  /** Open; whoever opened it closes it, after the server has stopped. */
  store: Store
  log: Logger
  /** Default: 127.0.0.1, which this machine alone reaches. */
  host?: string
  /** 0: any that is free. */
  port: number
  /** Requests a minute of one key; undefined: no limit. */
  requestsPerMinute?: number
  /** The project that all requests are of, without a key; only on an address of this machine. */
  openProject?: string
  /** The model server behind the proxy; without it there is no proxy. */
  upstream?: UpstreamOptions
  /** Tokens that its models read. */
  contextTokens?: number
  /** What writes the profiles beside the server; without it workers run elsewhere. */
  worker?: WorkerProgram
}

export interface RunningServer {
  /** `http://127.0.0.1:8080`. */
  address: string
  /** Resolves where the worker could not begin; never without one. */
  workerFailed: Promise<void>
  /** Takes no more requests, waits for those in progress, at most 25 s, and ends. */
  stop(): Promise<void>
}

/** Streams may go on for so long after the server was told to end, in milliseconds. */
const PATIENCE = 25_000

/** Starts the server. Throws BumpError where the options do not fit together or the address cannot be taken. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { store, log, host = '127.0.0.1', port, openProject } = options
  if (openProject !== undefined && !LOOPBACK.test(host))
    throw new BumpError('invalid-options', `host: without keys the server is for this machine alone, not ${host}`)
  const upstream = options.upstream && new Upstream(options.upstream)
  let ending = false
  const metrics = serverMetrics()
  const app = createApp({
    ...{ store, log, upstream, contextTokens: options.contextTokens, requestsPerMinute: options.requestsPerMinute },
    metrics,
    ending: () => ending,
    everybody: openProject === undefined ? undefined : everybodyOf(openProject),
  })
  const server = createAdaptorServer({ fetch: app.fetch }) as import('node:http').Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new BumpError('invalid-options', `port: ${host}:${port} cannot be taken (${error.code})`, { cause: error }),
      ),
    )
    server.listen(port, host, resolve)
  })
  const worker = options.worker && new WorkerProcess(options.worker, log, metrics, (id) => workerDied(store, id))
  const { port: taken, family } = server.address() as AddressInfo
  return {
    address: `http://${family === 'IPv6' ? `[${host}]` : host}:${taken}`,
    workerFailed: worker?.failed ?? new Promise(() => {}),
    async stop() {
      ending = true
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), PATIENCE)
      await Promise.all([closed, worker?.stop()])
      clearTimeout(timer)
      await upstream?.close()
    },
  }
}

function everybodyOf(project: string): KeyInfo {
  const never = { expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined }
  return { id: 'everybody', project, role: 'admin', user: undefined, createdAt: 0, ...never }
}
