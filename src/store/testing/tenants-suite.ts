// What belongs to a project is nobody else's: keys, settings, scopes.
import { expect, it } from 'vitest'
import { readAudit } from '../audit.ts'
import { addInteractions, listInteractions } from '../interactions.ts'
import { checkKey, createKey, createRootKey, listKeys, mayAs, revokeKey } from '../keys.ts'
import { listUsers, readUser } from '../persons.ts'
import { readProfile } from '../profiles.ts'
import { changeSettings, createProject, readProject } from '../projects.ts'
import { ofUser } from '../scope.ts'
import { newProject, type TestedStore, withUser } from './stores.ts'

export function testTenants({ store }: TestedStore): void {
  it('makes projects once, with checked settings', async () => {
    const scope = await newProject(store(), { refresh: { firstAfter: 2 } })
    const project = await readProject(store(), scope)
    expect(project.settings.refresh).toMatchObject({ firstAfter: 2, newAtLeast: 3 })
    await expect(createProject(store(), { id: scope.project })).rejects.toMatchObject({ code: 'conflict' })
    await expect(createProject(store(), { id: '../etc' })).rejects.toMatchObject({ code: 'invalid-options' })
    const unknown = { refresh: { firstAftr: 2 } } as object
    await expect(changeSettings(store(), scope, unknown)).rejects.toThrow('firstAftr')
    await changeSettings(store(), scope, { deny: ['e-mail'] })
    expect((await readProject(store(), scope)).settings.deny).toEqual(['e-mail'])
  })

  it('takes a key for what it is, and no other', async () => {
    const scope = await newProject(store())
    const { key, info } = await createKey(store(), scope, { role: 'read', user: 'u1' })
    expect(key).toMatch(/^bump_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}$/)
    expect(await checkKey(store(), key)).toMatchObject({
      id: info.id,
      project: scope.project,
      role: 'read',
      user: 'u1',
    })
    const other = `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}`
    for (const wrong of [other, '', 'bump_', key.slice(0, -1), `${key}a`])
      expect(await checkKey(store(), wrong)).toBeUndefined()
    const expired = await createKey(store(), scope, { role: 'read', expiresAt: Date.now() - 1 })
    expect(await checkKey(store(), expired.key)).toBeUndefined()
    const atOnce = await Promise.all([key, other, key].map((each) => checkKey(store(), each)))
    expect(atOnce.map((found) => found?.id)).toEqual([info.id, undefined, info.id])
    await revokeKey(store(), scope, info.id)
    expect(await checkKey(store(), key)).toBeUndefined()
    await expect(revokeKey(store(), scope, info.id)).rejects.toMatchObject({ code: 'not-found' })
    expect(JSON.stringify(await listKeys(store(), scope))).not.toContain(key.slice(16))
  })

  it('keeps the roles apart', async () => {
    expect(mayAs('admin', 'ingest') && mayAs('write', 'read')).toBe(true)
    expect(mayAs('ingest', 'read') || mayAs('read', 'ingest') || mayAs('root', 'read')).toBe(false)
    const scope = await newProject(store())
    await expect(createKey(store(), scope, { role: 'root' })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(createKey(store(), scope, { role: 'admin', user: 'u' })).rejects.toThrow('bound')
    expect(await checkKey(store(), await createRootKey(store()))).toMatchObject({ role: 'root', project: undefined })
  })

  it('answers of other projects, and to keys of one user, as if there were nothing', async () => {
    const mine = await newProject(store())
    const theirs = await newProject(store())
    await withUser(store(), theirs, 'u', 3)
    const foreign = ofUser(mine, 'u')
    await expect(readUser(store(), foreign)).rejects.toMatchObject({ code: 'not-found' })
    await expect(readProfile(store(), foreign)).rejects.toMatchObject({ code: 'not-found' })
    expect((await listInteractions(store(), foreign, { limit: 10 })).data).toEqual([])
    expect((await listUsers(store(), mine, { limit: 10 })).data).toEqual([])
    const bound = { ...theirs, user: 'v' }
    expect(() => ofUser(bound, 'u')).toThrow('no such user')
    for (const all of [listUsers, readAudit])
      await expect(all(store(), bound, { limit: 10 })).rejects.toMatchObject({ code: 'not-found' })
    const added = await addInteractions(store(), bound, [{ user: 'u', text: 'mine now' }])
    expect(added).toMatchObject({ accepted: 0, rejected: [{ reason: 'user' }] })
  })

  it('refuses a query that names no project', async () => {
    const { db } = store()
    const queries = [
      () => db.selectFrom('interaction').selectAll(),
      () => db.selectFrom('project').selectAll().where('id', 'in', db.selectFrom('person').select('project')),
      () => db.selectFrom('person').selectAll().where('user', '=', 'u'),
      () =>
        db
          .selectFrom('person')
          .selectAll()
          .where(({ or, eb }) => or([eb('project', '=', 'p'), eb('user', '=', 'u')])),
      () => db.selectFrom('project').innerJoin('person', 'person.project', 'project.id').selectAll('person'),
      () => db.updateTable('profile').set({ text: '' }),
      () => db.deleteFrom('audit').where('id', '=', 'x'),
    ]
    for (const query of queries) await expect((async () => query().execute())()).rejects.toThrow('names no project')
    const scoped = db.selectFrom('person').selectAll().where('user', '=', 'u').where('project', '=', 'p')
    expect(await scoped.execute()).toEqual([])
  })
}
