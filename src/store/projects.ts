// Projects: the tenants of a store, each with its settings and the secret of its HMACs.
import { randomBytes } from 'node:crypto'
import { BumpError } from '../util/errors.ts'
import { audited } from './audit.ts'
import { type Store, writing } from './open.ts'
import { projectRow } from './project-row.ts'
import type { StoreTables } from './schema.ts'
import { type Scope, wholeProject } from './scope.ts'
import { type ProjectSettings, type ProjectSettingsInput, projectSettings } from './settings.ts'
import { wordsProblem } from './text-input.ts'

export interface Project {
  id: string
  name: string
  settings: ProjectSettings
  createdAt: number
}

/** Throws BumpError: `invalid-options` for an unusable id or settings, `conflict` where there is one of this id. */
export async function createProject(
  store: Store,
  { id, name = id, settings = {} }: { id: string; name?: string; settings?: ProjectSettingsInput },
): Promise<Project> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id))
    throw new BumpError(
      'invalid-options',
      'project.id: 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first',
    )
  const problem = wordsProblem(name, 200)
  if (problem !== undefined) throw new BumpError('invalid-options', `project.name ${problem}`)
  const checked = projectSettings(settings)
  const row = {
    id,
    name,
    settings: JSON.stringify(settings),
    secret: randomBytes(32).toString('hex'),
    created_at: Date.now(),
  }
  const made = await store.db
    .insertInto('project')
    .values(row)
    .onConflict((existing) => existing.column('id').doNothing())
    .returning('id')
    .execute()
  if (made.length === 0) throw new BumpError('conflict', `there is a project ${id} already`)
  return { id, name, settings: checked, createdAt: row.created_at }
}

export async function listProjects({ db }: Store): Promise<Project[]> {
  const rows = await db.selectFrom('project').selectAll().orderBy('id').execute()
  return rows.map(fromRow)
}

/** Throws BumpError (`not-found`). */
export async function readProject({ db }: Store, { project }: Scope): Promise<Project> {
  return fromRow(await projectRow(db, project))
}

/** Puts other settings in place of all that were given before. Throws as `createProject`. */
export async function changeSettings(store: Store, scope: Scope, settings: ProjectSettingsInput): Promise<Project> {
  wholeProject(scope)
  projectSettings(settings)
  return await writing(store, async (tx) => {
    await tx
      .updateTable('project')
      .set({ settings: JSON.stringify(settings) })
      .where('id', '=', scope.project)
      .execute()
    await audited(tx, scope, 'project.settings')
    return fromRow(await projectRow(tx, scope.project))
  })
}

/** Puts other floors of the gate in place of those given, and leaves all else. Throws as `createProject`. */
export async function changeFloors(
  store: Store,
  scope: Scope,
  floors: Pick<ProjectSettings['gate'], 'floor'> & Partial<Pick<ProjectSettings['gate'], 'runningFloor'>>,
): Promise<Project> {
  const { settings } = await projectRow(store.db, scope.project)
  const given: NonNullable<ProjectSettingsInput> = JSON.parse(settings)
  return await changeSettings(store, scope, { ...given, gate: { ...given.gate, ...floors } })
}

const fromRow = ({ id, name, settings, created_at }: StoreTables['project']): Project => ({
  id,
  name,
  settings: projectSettings(JSON.parse(settings)),
  createdAt: created_at,
})

/** Makes a project where there is none of this id. Throws as `createProject`. */
export async function ensureProject(store: Store, id: string): Promise<void> {
  try {
    await createProject(store, { id })
  } catch (error) {
    if (!BumpError.isInstance(error) || error.code !== 'conflict') throw error
  }
}
