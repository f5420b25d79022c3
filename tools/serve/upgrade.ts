// A database of the first release is brought up to date by whoever starts first, once, and serves what it held.
import { createHash } from 'node:crypto'
import { Kysely, Migrator, PostgresDialect, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import Libsql from 'libsql'
import pg from 'pg'
import { MIGRATIONS } from '../../src/store/migrations/migrations.ts'
import type { Check } from './check.ts'
import { filled } from './filled.ts'
import type { Place } from './place.ts'
import { client, Running } from './service.ts'

const FIRST = '0001-first'
const KEY = `bump_${'a'.repeat(10)}_${'b'.repeat(43)}`
const TEXT = 'Grows roses.'

export const upgrade: Check = {
  name: 'upgrade',
  about: 'two servers start together on a database of the first release: it is migrated once, and serves what it held',
  async run(place, found) {
    await firstRelease(place)
    const [one, two] = await Promise.all([Running.serve(place.db), Running.serve(place.db)])
    for (const { address } of [one, two]) {
      const call = client(address, KEY)
      found.holds((await fetch(`${address}/readyz`)).status === 200, 'a server is not ready')
      const { status, json } = await call('GET', '/v1/users/u/profile')
      found.holds(status === 200 && json.text === TEXT, `the profile of before is not served: ${status}`)
      const { json: listed } = await call('GET', '/v1/users/u/interactions')
      found.holds(listed.data?.[0]?.text === 'planted roses', 'the interaction of before is not there')
    }
    const again = [{ user: 'u', id: 'i1', time: 1000, text: 'planted roses' }]
    const { json } = await client(one.address, KEY)('POST', '/v1/interactions', { interactions: again })
    found.holds(json.duplicates === 1, 'what was stored before is stored again')
    await Promise.all([one.end(), two.end()])
    const { store } = await filled(place.db)
    const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
      store.db.withoutPlugins(),
    )
    const made = rows.map(({ name }) => name)
    found.figure('migrations', made.join(', '))
    found.holds(made.join() === Object.keys(MIGRATIONS).join(), `the migrations made are ${made}`)
    await store.close()
  },
}

export const firstStart: Check = {
  name: 'first-start',
  about: 'two servers start together where there is no database, over and over: both begin, the tables are made once',
  async run(place, found, quick) {
    const rounds = quick ? 2 : 10
    for (let round = 0; round < rounds; round++) {
      const db = place.kind === 'sqlite' ? `${place.db}-${round}` : place.db
      if (place.server && round > 0) {
        const name = new URL(place.db).pathname.slice(1)
        await place.server.query(`DROP DATABASE ${name}`)
        await place.server.query(`CREATE DATABASE ${name}`)
      }
      const pair = await Promise.all([Running.serve(db), Running.serve(db)])
      for (const { address } of pair)
        found.holds((await fetch(`${address}/readyz`)).status === 200, `round ${round}: a server is not ready`)
      await Promise.all(pair.map((service) => service.end()))
    }
    found.figure('rounds', rounds)
  },
}

/** Tables and rows as the first release left them. */
async function firstRelease({ db: where, kind }: Place): Promise<void> {
  const dialect =
    kind === 'sqlite'
      ? new SqliteDialect({ database: new Libsql(where) as unknown as SqliteDatabase })
      : new PostgresDialect({ pool: new pg.Pool({ connectionString: where }) })
  const db = new Kysely<unknown>({ dialect })
  const provider = { getMigrations: async () => ({ [FIRST]: MIGRATIONS[FIRST] }) }
  const { error } = await new Migrator({ db, provider }).migrateToLatest()
  if (error !== undefined) throw error
  const hash = createHash('sha256').update(KEY).digest('hex')
  await sql`insert into project (id, name, settings, secret, created_at) values ('p', 'p', '{}', 'aa', 1)`.execute(db)
  await sql`insert into api_key (id, project, hash, role, created_at)
    values ('aaaaaaaaaa', 'p', ${hash}, 'admin', 1)`.execute(db)
  await sql`insert into person (project, "user", first_at, last_at, stored, n, seq, revision, last_version, published_version)
    values ('p', 'u', 1000, 1000, 1, 1, 1, 1, 1, 1)`.execute(db)
  await sql`insert into interaction (project, "user", id, at, seq, text) values ('p', 'u', 'i1', 1000, 1, 'planted roses')`.execute(
    db,
  )
  await sql`insert into profile (project, "user", version, text, origin, status, writer, through_seq, created_at)
    values ('p', 'u', 1, ${TEXT}, 'generated', 'published', 'w', 1, 1)`.execute(db)
  await sql`insert into profile_source (project, "user", version, interaction, held_out)
    values ('p', 'u', 1, 'i1', 0)`.execute(db)
  await db.destroy()
}
