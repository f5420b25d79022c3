// A file of the first release, opened by this one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompiledQuery, Kysely, Migrator, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import Libsql from 'libsql'
import { expect, it } from 'vitest'
import { readAudit } from '../audit.ts'
import { openStore } from '../open.ts'
import { first } from './first.ts'

it('keeps what is there, and looks up without reading all of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-migrations-'))
  const path = join(folder, 'store.sqlite')
  const before = new Kysely<unknown>({
    dialect: new SqliteDialect({ database: new Libsql(path) as unknown as SqliteDatabase }),
  })
  const provider = { getMigrations: async () => ({ '0001-first': first }) }
  expect((await new Migrator({ db: before, provider }).migrateToLatest()).error).toBeUndefined()
  await sql`insert into project values ('p', 'p', '{}', 'secret', 1)`.execute(before)
  await sql`insert into audit values ('p', 'a1', 1, 'key', 'user.exported', 'h', '{}')`.execute(before)
  await before.destroy()

  const store = await openStore(path)
  const { data } = await readAudit(store, { project: 'p', actor: 'test' }, { limit: 5 })
  expect(data).toMatchObject([{ id: 'a1', action: 'user.exported' }])
  const audit = store.db.selectFrom('audit').selectAll().where('project', '=', 'p').orderBy('id', 'desc').limit(5)
  const persons = store.db.selectFrom('person').selectAll().where('project', '=', 'p').where('user', '!=', 'u')
  const plans: [{ compile(): CompiledQuery }, string][] = [
    [
      audit.where('subject_hmac', '=', 'h').where('id', '<', 'z'),
      'audit_subject (project=? AND subject_hmac=? AND id<?)',
    ],
    [audit.where('action', '=', 'writer.compared'), 'audit_action (project=? AND action=?)'],
    [persons.orderBy('refreshed_at', 'desc').orderBy('user').limit(32), 'person_refreshed (project=?)'],
  ]
  for (const [query, index] of plans) {
    const { sql: text, parameters } = query.compile()
    const { rows } = await store.db.executeQuery(CompiledQuery.raw(`explain query plan ${text}`, [...parameters]))
    expect(JSON.stringify(rows)).toContain(`USING INDEX ${index}`)
  }
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})
