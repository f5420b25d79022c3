// Versions of a profile that may not be served any more, because of what they were written from.
import { inChunks } from './chunks.ts'
import type { StoreTransaction } from './open.ts'
import type { PersonTable } from './schema.ts'

/** Statuses of versions that may be served. */
export const SERVABLE = ['published', 'unscored']

/**
 * Withdraws every version that was written from one of the interactions, or judged by it, and returns how many. The
 * served one then is the latest that may still be served, if there is one. `erase`: their texts go too. `person` is the
 * user's row, which the caller writes back.
 */
export async function withdrawVersions(
  tx: StoreTransaction,
  person: PersonTable,
  interactions: readonly string[],
  { erase }: { erase: boolean },
): Promise<number> {
  const { project, user } = person
  const versions = await versionsFrom(tx, person, interactions)
  await inChunks([...versions], async (some) => {
    await tx
      .updateTable('profile')
      .set({ status: 'withdrawn', ...(erase ? { text: null, scores: null } : {}) })
      .where('project', '=', project)
      .where('user', '=', user)
      .where('version', 'in', some)
      .execute()
  })
  if (person.published_version !== null && versions.has(person.published_version)) {
    person.published_version = await latestServable(tx, person)
    person.revision++
  }
  return versions.size
}

/** The versions that were written from one of the interactions, or judged by it. */
export async function versionsFrom(
  tx: StoreTransaction,
  { project, user }: Pick<PersonTable, 'project' | 'user'>,
  interactions: readonly string[],
): Promise<Set<number>> {
  const versions = new Set<number>()
  await inChunks([...new Set(interactions)], async (some) => {
    const rows = await tx
      .selectFrom('profile_source')
      .select('version')
      .distinct()
      .where('project', '=', project)
      .where('user', '=', user)
      .where('interaction', 'in', some)
      .execute()
    for (const { version } of rows) versions.add(version)
  })
  return versions
}

async function latestServable(tx: StoreTransaction, { project, user }: PersonTable): Promise<number | null> {
  const row = await tx
    .selectFrom('profile')
    .select('version')
    .where('project', '=', project)
    .where('user', '=', user)
    .where('status', 'in', SERVABLE)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.version ?? null
}
