// Nobody reaches what is another's: every operation of the OpenAPI document, with every kind of key that may not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addCorrection } from '../../store/corrections.ts'
import { exportUser } from '../../store/export.ts'
import { addInteractions } from '../../store/interactions.ts'
import { revokeKey } from '../../store/keys.ts'
import { writeProfileByHand } from '../../store/profiles.ts'
import type { Answer, OpenServing, Serving } from './serving.ts'

const CANARY = 'canary-5b1f'
/** A body for each operation that takes one: an operation without it here fails. */
const BODIES: Record<string, unknown> = {
  'post /v1/interactions': { interactions: [{ user: 'mine', text: 'x' }] },
  'patch /v1/users/{user}': { profiling: 'off' },
  'put /v1/users/{user}/profile': { text: 'x' },
  'post /v1/users/{user}/corrections': { kind: 'deny', text: 'roses' },
  'patch /v1/users/{user}/interactions/{id}': { excluded: true },
  'post /v1/users/{user}/forget': { after: 0, dryRun: false },
  'post /v1/keys': { role: 'read' },
  'post /v1/projects': { id: 'new' },
  'post /v1/users/{user}/links': {},
}

/** The application, wherever `open` has its store. */
export function testTenants(open: OpenServing): void {
  let api: Serving
  let operations: { method: string; path: string }[]
  const ids = { interaction: 'i1', correction: '', key: '' }
  const of = (project: string, user: string) => ({ project, user, actor: 'test' })

  beforeAll(async () => {
    api = await open()
    const { store } = api
    for (const user of ['alice', 'both']) {
      await addInteractions(store, { project: 'a', actor: 'test' }, [{ user, id: 'i1', text: `${CANARY} roses` }])
      await writeProfileByHand(store, of('a', user), { text: `${CANARY} text` })
      await writeProfileByHand(store, of('a', user), { text: `${CANARY} later` })
      ids.correction = (await addCorrection(store, of('a', user), { kind: 'state', text: CANARY })).id
    }
    await addInteractions(store, { project: 'b', actor: 'test' }, [{ user: 'both', id: 'own', text: 'own' }])
    await addInteractions(store, { project: 'a', actor: 'test' }, [{ user: 'bob', id: 'own', text: 'own' }])
    ids.key = (await api.key('read')).split('_')[1]
    const { paths } = (await api.call(undefined, 'GET', '/openapi.json')).json
    operations = Object.entries<object>(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method, path })),
    )
  })
  afterAll(() => api.close())

  /** A request of an operation about a user, a thing of the user, and a version. */
  async function ask(
    key: string | undefined,
    { method, path }: (typeof operations)[number],
    user: string,
    missing = false,
  ) {
    const id = path.includes('correction') ? ids.correction : path.includes('/keys') ? ids.key : ids.interaction
    const at = path
      .replace('{user}', user)
      .replace('{id}', missing ? 'nothing' : id)
      .replace('{version}', missing ? '999' : '2')
    const headers = path.endsWith('/profile') ? { 'if-match': '"0-x"' } : undefined
    return await api.call(key, method.toUpperCase(), at, BODIES[`${method} ${path}`], headers)
  }

  const said = ({ status, json }: Answer) => ({ status, ...json, requestId: undefined })
  /** Everything of the users that are another's; an export is noted in the audit, which is left out. */
  const everything = async () =>
    JSON.stringify(
      await Promise.all(
        ['alice', 'both'].map(async (user) => {
          const { audit: _, exportedAt: __, ...rest } = await exportUser(api.store, of('a', user))
          return rest
        }),
      ),
    )

  describe('another one', () => {
    it('finds the document complete', async () => {
      expect(operations.length).toBeGreaterThan(20)
      const { paths } = (await api.call(undefined, 'GET', '/openapi.json')).json
      const taking = operations.filter(({ method, path }) => paths[path][method].requestBody !== undefined)
      expect(Object.keys(BODIES).sort()).toEqual(taking.map(({ method, path }) => `${method} ${path}`).sort())
    })

    it('without a key in force is not let in', async () => {
      const [revoked, expired] = [await api.key('admin'), await api.key('admin', { expiresAt: 1 })]
      await revokeKey(api.store, { project: 'a', actor: 'test' }, revoked.split('_')[1])
      for (const operation of operations)
        for (const key of [undefined, revoked, expired])
          expect((await ask(key, operation, 'alice')).status, `${operation.method} ${operation.path}`).toBe(401)
    })

    it('of another project, or of one user, gets the answer of what is not there', async () => {
      const before = await everything()
      const keys = [await api.key('admin', { project: 'b' }), await api.key('write', { user: 'bob' })]
      for (const operation of operations.filter(({ path }) => path.includes('{user}')))
        for (const key of keys) {
          const [other, missing] = [await ask(key, operation, 'alice'), await ask(key, operation, 'nobody')]
          expect(other.status, `${operation.method} ${operation.path}`).toBe(404)
          expect(said(other)).toEqual(said(missing))
        }
      expect(await everything()).toBe(before)
    })

    it('that has a user of the same id reaches nothing of the other one', async () => {
      const before = await everything()
      const key = await api.key('admin', { project: 'b' })
      // What deletes the user comes last.
      const sorted = operations.toSorted((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'))
      for (const operation of sorted) {
        const name = `${operation.method} ${operation.path}`
        const answer = await ask(key, operation, 'both')
        expect(answer.text, name).not.toContain(CANARY)
        if (/\{(id|version)\}/.test(operation.path))
          expect(said(answer), name).toEqual({ ...said(await ask(key, operation, 'both', true)), status: 404 })
      }
      expect(await everything()).toBe(before)
      expect((await api.call(await api.key('admin'), 'GET', '/v1/keys')).json.data).toContainEqual(
        expect.objectContaining({ id: ids.key }),
      )
    })
  })
}
