// The row of a project, for the functions that work in it.
import { BumpError } from '../util/errors.ts'
import type { Queries } from './open.ts'
import type { StoreTables } from './schema.ts'
import { type ProjectSettings, projectSettings } from './settings.ts'

/** Throws BumpError (`not-found`). */
export async function projectRow(db: Queries, id: string): Promise<StoreTables['project']> {
  const row = await db.selectFrom('project').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new BumpError('not-found', 'there is no such project')
  return row
}

/** What most functions need of it. Throws BumpError (`not-found`). */
export async function projectOf(db: Queries, id: string): Promise<{ secret: string; settings: ProjectSettings }> {
  const { secret, settings } = await projectRow(db, id)
  return { secret, settings: projectSettings(JSON.parse(settings)) }
}
