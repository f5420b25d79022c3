// The application over a store of its own, as tests call it: two projects, each with keys of several kinds.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createKey, type Role } from '../../store/keys.ts'
import { openStore, type Store } from '../../store/open.ts'
import { createProject } from '../../store/projects.ts'
import { type AppOptions, createApp } from '../app.ts'
import { serverMetrics } from '../metrics.ts'
import type { Api } from '../routes/route.ts'

export interface Serving {
  app: Api
  store: Store
  /** Lines of the log so far. */
  logged: string[]
  /** A new key of a project. */
  key(role: Exclude<Role, 'root'>, of?: { project?: string; user?: string; expiresAt?: number }): Promise<string>
  /** A request; a body that is no string is sent as JSON. */
  call(
    key: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  close(): Promise<void>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The text as JSON; undefined where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say themselves what they expect of an answer
  json: any
}

/** Opens an application with projects `a` and `b`. `options`: of the application, beside the store. */
export type OpenServing = (options?: Partial<AppOptions>) => Promise<Serving>

/** On a file of SQLite, which goes with it. */
export const serving: OpenServing = async (options) => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-serve-'))
  const opened = await servingOn(join(folder, 'store.sqlite'), options)
  return {
    ...opened,
    async close() {
      await opened.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** On the database of an address. */
export async function servingOn(address: string, options: Partial<AppOptions> = {}): Promise<Serving> {
  const store = await openStore(address)
  for (const id of ['a', 'b']) await createProject(store, { id })
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(line) })
  const app = createApp({ store, log, metrics: serverMetrics(), ending: () => false, ...options })
  return {
    app,
    store,
    logged,
    async key(role, { project = 'a', ...rest } = {}) {
      return (await createKey(store, { project, actor: 'test' }, { role, ...rest })).key
    },
    async call(key, method, path, body, headers) {
      const sent = new Headers(headers)
      if (key !== undefined && !sent.has('authorization')) sent.set('authorization', `Bearer ${key}`)
      if (body !== undefined && !sent.has('content-type')) sent.set('content-type', 'application/json')
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
      return await answerOf(await app.request(path, { method, headers: sent, body: text as string | undefined }))
    },
    close: () => store.close(),
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {}
  return { status: response.status, headers: response.headers, text, json }
}
