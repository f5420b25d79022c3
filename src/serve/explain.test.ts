// What an operator is told of a profile, profiles that are imported, and a project's own key of the upstream.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { addCorrection } from '../store/corrections.ts'
import { forgetInteractions } from '../store/forget.ts'
import { addInteractions } from '../store/interactions.ts'
import { readUser } from '../store/persons.ts'
import { readProfile } from '../store/profiles.ts'
import { changeSettings } from '../store/projects.ts'
import { importProfiles } from './import-profiles.ts'
import { upstreamKeyOf } from './proxy/key.ts'
import { type Serving, serving } from './testing/serving.ts'

let api: Serving
const scope = { project: 'a', actor: 'test' }
const of = (user: string) => ({ ...scope, user })
beforeAll(async () => {
  api = await serving()
  const texts = ['pruned roses', 'roses and beans', 'a train to Oslo', 'beans again', 'more roses']
  await addInteractions(
    api.store,
    scope,
    ['ann', 'bob'].flatMap((user) => texts.map((text, i) => ({ user, id: `i${i}`, time: i, text }))),
  )
})
afterAll(() => api.close())

const line = (user: string, profile: string) => JSON.stringify({ user, profile, generator: 'g1', tokens: 3 })

it('imports profiles of users who are there, once, without what no profile may say', async () => {
  const file = join(tmpdir(), `bump-profiles-${process.pid}.jsonl`)
  writeFileSync(
    file,
    `${line('ann', 'Grows roses. Mail ann@example.org.')}\n${line('nobody', 'Sails.')}\n${line('bob', '')}\n`,
  )
  expect(await importProfiles(api.store, scope, file)).toEqual({ published: 1, there: 0, unknown: 1, refused: 1 })
  expect(await importProfiles(api.store, scope, file)).toMatchObject({ published: 0, there: 1 })
  const profile = await readProfile(api.store, of('ann'))
  expect(profile).toMatchObject({ version: 1, text: 'Grows roses. Mail [email].', judged: false, stale: false })
  expect((await readUser(api.store, of('ann'))).newInteractions).toBe(0)
  writeFileSync(file, `${line('ann', 'x')}\n{"user":"ann"}\n`)
  await expect(importProfiles(api.store, scope, file)).rejects.toThrow(/jsonl:2 is no line of bump profile/)
})

it('explains a profile to operators alone', async () => {
  await addCorrection(api.store, of('ann'), { kind: 'state', text: 'I live in Bergen.' })
  const [admin, write] = [await api.key('admin'), await api.key('write')]
  const path = '/v1/users/ann/profile?explain=1'
  expect((await api.call(write, 'GET', path)).status).toBe(403)
  expect((await api.call(admin, 'GET', `${path}&format=text`)).status).toBe(422)
  const { json } = await api.call(admin, 'GET', path)
  expect(json).toMatchObject({ version: 1, text: 'Grows roses. Mail [email].' })
  const { sentences, shown, writer, corrections, refresh } = json.explanation
  expect(sentences[0]).toMatchObject({ text: 'Grows roses.' })
  expect(sentences[0].sources.map(({ id }: { id: string }) => id)).toEqual(['i0', 'i1', 'i4'])
  expect({ shown, writer, refresh }).toEqual({ shown: 5, writer: 'g1', refresh: { attempts: 0 } })
  expect(corrections).toMatchObject([{ kind: 'state', text: 'I live in Bergen.' }])
  expect((await api.call(admin, 'GET', '/v1/users/bob/profile?explain=1')).json.explanation.sentences).toEqual([])
})

it('erases an imported profile with any interaction of its user', async () => {
  await forgetInteractions(api.store, of('ann'), { ids: ['i2'] }, { dryRun: false })
  expect(await readProfile(api.store, of('ann'))).toMatchObject({ text: '', version: undefined })
})

it("asks the upstream with the project's own key, and with no other where that is missing", async () => {
  expect(await upstreamKeyOf(api.store, 'a')).toBeUndefined()
  await expect(changeSettings(api.store, scope, { upstreamKey: 'DATABASE_PASSWORD' })).rejects.toThrow(/upstreamKey/)
  await changeSettings(api.store, scope, { upstreamKey: 'OPENAI_API_KEY_A' })
  await expect(upstreamKeyOf(api.store, 'a')).rejects.toThrow(/set OPENAI_API_KEY_A there/)
  vi.stubEnv('OPENAI_API_KEY_A', 'key of a')
  expect(await upstreamKeyOf(api.store, 'a')).toBe('key of a')
  expect(await upstreamKeyOf(api.store, 'b')).toBeUndefined()
  vi.unstubAllEnvs()
})
