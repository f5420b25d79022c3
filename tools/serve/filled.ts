// Stores as the checks begin: a project that waits for nothing, users with texts of the bundled log, and a key.
import { readFileSync } from 'node:fs'
import { addInteractions } from '../../src/store/interactions.ts'
import { createKey } from '../../src/store/keys.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { createProject } from '../../src/store/projects.ts'
import type { Scope } from '../../src/store/scope.ts'

export const SCOPE: Scope = { project: 'a', actor: 'check' }

const log = readFileSync(new URL('../../assets/example/log.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const TEXTS = log.map((line) => (JSON.parse(line) as { text: string }).text)

/** A text of the bundled log. */
export const textOf = (index: number): string => TEXTS[index % TEXTS.length]
/** The id of a user. */
export const userOf = (index: number): string => `u${String(index + 1).padStart(4, '0')}`

export interface Filled {
  store: Store
  /** An admin key. */
  key: string
}

/**
 * Opens a store and makes project `a` with so many users, `u0001` the first, each with so many interactions. Profiles
 * are due at once.
 */
export async function filled(db: string, { users = 0, interactions = 6 } = {}): Promise<Filled> {
  const store = await openStore(db)
  await createProject(store, { id: SCOPE.project, settings: { refresh: { quietSeconds: 0, pauseSeconds: 0 } } })
  for (let u = 0; u < users; u++)
    await addInteractions(
      store,
      SCOPE,
      Array.from({ length: interactions }, (_, i) => ({
        user: userOf(u),
        id: `i${i + 1}`,
        time: 1000 * (i + 1),
        text: textOf(u * interactions + i),
      })),
    )
  return { store, key: (await createKey(store, SCOPE, { role: 'admin' })).key }
}

/** As if so much time had passed that no claim holds any more: what a worker that was killed had claimed is free. */
export async function endClaims({ db }: Store): Promise<void> {
  await db
    .updateTable('person')
    .set({ leased_until: 1 })
    .where('project', '=', SCOPE.project)
    .where('lease', 'is not', null)
    .execute()
}
