// Everything that the store holds of one person, as one document.
import { type AuditEntry, audited, readAudit } from './audit.ts'
import { inChunks } from './chunks.ts'
import { interactionOf, type StoredInteraction } from './interactions.ts'
import { type Store, writing } from './open.ts'
import { readUser, type UserInfo } from './persons.ts'
import { listVersions, type ProfileVersion } from './profiles.ts'
import type { UserScope } from './scope.ts'

/** The document; times are milliseconds since 1970. */
export interface UserExport {
  exportedAt: number
  user: UserInfo
  /** Oldest first. */
  interactions: StoredInteraction[]
  /** Newest first, each with the ids that it was written from and judged by. */
  versions: (ProfileVersion & { sources: string[]; heldOut: string[] })[]
  /** Those taken back too. */
  corrections: {
    id: string
    kind: string
    text: string | undefined
    interactions: string[] | undefined
    by: string
    createdAt: number
    retractedAt: number | undefined
  }[]
  /** What was done about the user, newest first, this export not among it. */
  audit: AuditEntry[]
}

/** Of one user, more entries than this are not exported in one document; there are no more of what is bounded. */
const ALL = 1_000_000

/** Throws BumpError (`not-found`). */
export async function exportUser(store: Store, scope: UserScope): Promise<UserExport> {
  const { db } = store
  const { project, user } = scope
  const info = await readUser(store, scope)
  const interactions = await db
    .selectFrom('interaction')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .orderBy('at')
    .orderBy('seq')
    .execute()
  const { data: versions } = await listVersions(store, scope, { limit: ALL })
  const sources = new Map<number, { sources: string[]; heldOut: string[] }>()
  for (const { version } of versions) sources.set(version, { sources: [], heldOut: [] })
  await inChunks([...sources.keys()], async (some) => {
    const rows = await db
      .selectFrom('profile_source')
      .select(['version', 'interaction', 'held_out'])
      .where('project', '=', project)
      .where('user', '=', user)
      .where('version', 'in', some)
      .execute()
    for (const { version, interaction, held_out } of rows)
      sources.get(version)![held_out === 1 ? 'heldOut' : 'sources'].push(interaction)
  })
  const corrections = await db
    .selectFrom('correction')
    .selectAll()
    .where('project', '=', project)
    .where('user', '=', user)
    .orderBy('id')
    .execute()
  const { data: audit } = await readAudit(store, scope, { limit: ALL, user })
  await writing(store, (tx) => audited(tx, scope, 'user.exported', { interactions: interactions.length }, user))
  return {
    exportedAt: Date.now(),
    user: info,
    interactions: interactions.map(interactionOf),
    versions: versions.map((version) => ({ ...version, ...sources.get(version.version)! })),
    corrections: corrections.map((row) => ({
      id: row.id,
      kind: row.kind,
      text: row.text ?? undefined,
      interactions: row.target === null ? undefined : JSON.parse(row.target),
      by: row.by,
      createdAt: row.created_at,
      retractedAt: row.retracted_at ?? undefined,
    })),
    audit,
  }
}
