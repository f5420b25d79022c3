// The audit of one user, and what was found of a generator, without reading all of a project's.
import type { Kysely, Migration } from 'kysely'

export const auditLookups: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const column of ['subject_hmac', 'action'])
      await db.schema.createIndex(`audit_${column}`).on('audit').columns(['project', column, 'id']).execute()
  },
}
