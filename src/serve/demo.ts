// What `bump serve --demo` serves: the bundled log in a database of its own, with profiles by the bundled nano model.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NANO_WORDING } from '../generator/prompt.ts'
import { openLogs } from '../logs/open.ts'
import { createKey } from '../store/keys.ts'
import { openStore } from '../store/open.ts'
import { listUsers } from '../store/persons.ts'
import { createProject } from '../store/projects.ts'
import { importUsers } from './import.ts'

/** A store that is filled, with an admin key of it, one of its users, and how profiles of it are written. */
export interface Demo {
  db: string
  key: string
  user: string
  model: string
  system: string
  instruction: string
  maxTokens: number
}

const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))

/** Makes the store of the demo, and removes it when `work` is done. */
export async function withDemo(work: (demo: Demo) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bump-demo-'))
  try {
    const db = join(folder, 'demo.sqlite')
    await work({ db, ...(await filled(db)), model: asset('nano'), ...NANO_WORDING, maxTokens: 56 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function filled(db: string): Promise<{ key: string; user: string }> {
  const store = await openStore(db)
  const logs = await openLogs(asset('example/log.jsonl'), { format: 'jsonl', user: 'user', time: 'time', text: 'text' })
  try {
    const scope = { project: 'default', actor: 'demo' }
    // Nobody waits a minute for more interactions here.
    await createProject(store, { id: scope.project, settings: { refresh: { quietSeconds: 0, pauseSeconds: 0 } } })
    await importUsers(store, scope, logs.users())
    const { key } = await createKey(store, scope, { role: 'admin' })
    const { data } = await listUsers(store, scope, { limit: 1 })
    return { key, user: data[0].user }
  } finally {
    logs.close()
    await store.close()
  }
}
