// What is looked up without reading all of a project: the audit of one user, what was found of a generator, and the users
// refreshed last, whom the gate compares with.
import type { Kysely, Migration } from 'kysely'

export const lookups: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db
    await schema.createIndex('audit_subject').on('audit').columns(['project', 'subject_hmac', 'id']).execute()
    await schema.createIndex('audit_action').on('audit').columns(['project', 'action', 'id']).execute()
    await schema.createIndex('person_refreshed').on('person').columns(['project', 'refreshed_at']).execute()
  },
}
