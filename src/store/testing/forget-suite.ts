// Deletion: nothing of it in any answer, row or byte, and no way back by a late event.
import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { addCorrection } from '../corrections.ts'
import { exportUser } from '../export.ts'
import { deleteUser, forgetInteractions, forgetOld } from '../forget.ts'
import { addInteractions, listInteractions } from '../interactions.ts'
import { checkKey, createKey } from '../keys.ts'
import { readUser } from '../persons.ts'
import { listVersions, readProfile, writeProfileByHand } from '../profiles.ts'
import { changeSettings } from '../projects.ts'
import { newProject, published, type TestedStore, withUser } from './stores.ts'

const CANARY = 'Xylophone-7Q'

export function testForgetting({ store, address }: TestedStore): void {
  it('erases an interaction from everything that was written from it', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    const event = { user: 'u', id: CANARY, text: `I play the ${CANARY}`, metadata: { tag: CANARY } }
    const idempotency = { key: 'k', digest: 'd' }
    await published(store(), scope, 'Grows beans.')
    await addInteractions(store(), scope, [event, { ...event, text: 'conflict' }], { idempotency })
    await addCorrection(store(), scope, { kind: 'exclude', interactions: ['i1'] })
    await published(store(), scope, `Plays the ${CANARY}.`)
    await writeProfileByHand(store(), scope, { text: `Plays the ${CANARY} a lot.` })
    const match = { match: 'THE  xylophone' }
    expect(await forgetInteractions(store(), scope, match, { dryRun: true })).toMatchObject({
      dryRun: true,
      interactions: 1,
      ids: [CANARY],
      versions: 2,
    })
    expect((await readProfile(store(), scope)).text).toContain(CANARY)
    const receipt = await forgetInteractions(store(), scope, match, { dryRun: false })
    expect(receipt).toMatchObject({ dryRun: false, interactions: 1, versions: 2 })
    expect(receipt.beyond.length).toBeGreaterThan(2)
    const { data } = await listVersions(store(), scope, { limit: 9 })
    expect(data.map(({ status, text }) => [status, text])).toEqual([
      ['withdrawn', undefined],
      ['withdrawn', undefined],
      ['withdrawn', 'Grows beans.'],
    ])
    const late = await addInteractions(store(), scope, [event])
    expect(late).toMatchObject({ accepted: 0, rejected: [{ reason: 'deleted' }] })
    expect(JSON.stringify(await exportUser(store(), scope))).not.toContain(CANARY)
    expect(await everyRow()).not.toContain(CANARY)
    expectNoByte(CANARY)
    expect(await addInteractions(store(), scope, [event], { revive: true })).toMatchObject({ accepted: 1 })
  })

  it('deletes a user with all that is of them, and takes no late event', async () => {
    const project = await newProject(store())
    const user = `${CANARY}-user`
    const scope = await withUser(store(), project, user, 5)
    await withUser(store(), project, 'other', 2)
    await published(store(), scope, 'Somebody.')
    await addCorrection(store(), scope, { kind: 'state', text: 'I am' })
    const { key } = await createKey(store(), project, { role: 'read', user })
    const receipt = await deleteUser(store(), scope)
    expect(receipt).toMatchObject({ interactions: 5, versions: 1, corrections: 1, keys: 1, writers: ['w'] })
    expect(await checkKey(store(), key)).toBeUndefined()
    expect(await everyRow()).not.toContain(user)
    expectNoByte(user)
    const again = [{ user, id: 'new', text: 'hello' }]
    expect(await addInteractions(store(), project, again)).toMatchObject({ rejected: [{ reason: 'deleted' }] })
    await expect(readUser(store(), scope)).rejects.toMatchObject({ code: 'not-found' })
    await expect(deleteUser(store(), scope)).rejects.toMatchObject({ code: 'not-found' })
    expect((await readUser(store(), { ...project, user: 'other' })).interactions).toBe(2)
    expect(await addInteractions(store(), project, again, { revive: true })).toMatchObject({ accepted: 1 })
  })

  it('chooses by time and id, and refuses to choose by nothing', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 9)
    const dry = async (selection: object) =>
      (await forgetInteractions(store(), scope, selection, { dryRun: true })).interactions
    expect(await dry({ before: 3 })).toBe(2)
    expect(await dry({ after: 3, before: 6 })).toBe(2)
    expect(await dry({ ids: ['i1', 'i2', 'nope'] })).toBe(2)
    expect(await dry({ match: '%' })).toBe(0)
    for (const nothing of [{}, { match: ' ' }])
      await expect(dry(nothing)).rejects.toMatchObject({ code: 'invalid-options' })
    const ids = Array.from({ length: 9 }, (_, i) => `i${i + 1}`)
    await forgetInteractions(store(), scope, { ids }, { dryRun: false })
    expect(await readUser(store(), scope)).toMatchObject({ interactions: 0, newInteractions: 0, firstTime: undefined })
  })

  it('keeps no longer than the project retains', async () => {
    const project = await newProject(store())
    const scope = await withUser(store(), project, 'u', 3)
    await addInteractions(store(), scope, [{ user: 'u', id: 'now', text: 'now' }])
    expect(await forgetOld(store(), project)).toBe(0)
    await changeSettings(store(), project, { retainDays: 30 })
    expect(await forgetOld(store(), project)).toBe(3)
    expect((await listInteractions(store(), scope, { limit: 9 })).data.map(({ id }) => id)).toEqual(['now'])
    const old = [{ user: 'u', id: 'old', time: 5, text: 'old' }]
    expect(await addInteractions(store(), project, old)).toMatchObject({ rejected: [{ reason: 'time' }] })
  })

  it('exports all that is held of a user', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 3)
    await published(store(), scope, 'Somebody.', { heldOut: ['i3'] })
    await addCorrection(store(), scope, { kind: 'state', text: 'I am' })
    const all = await exportUser(store(), scope)
    expect(all.interactions.map(({ id }) => id)).toEqual(['i1', 'i2', 'i3'])
    expect(all.versions).toMatchObject([{ text: 'Somebody.', sources: ['i1', 'i2'], heldOut: ['i3'] }])
    expect(all.corrections).toMatchObject([{ kind: 'state', text: 'I am' }])
    expect(all.audit).toMatchObject([{ action: 'correction.made' }])
  })

  /** All rows of all tables, as JSON. */
  async function everyRow(): Promise<string> {
    const db = store().db.withoutPlugins()
    const tables = (await db.introspection.getTables()).map(({ name }) => name as 'person')
    const rows = await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()))
    expect(tables.length).toBeGreaterThan(10)
    return JSON.stringify(rows)
  }

  /** Of the database's files; a server's are out of reach, and hold dead rows until it vacuums. */
  function expectNoByte(text: string): void {
    if (store().kind !== 'sqlite') return
    for (const file of [address(), `${address()}-wal`])
      if (existsSync(file)) expect(readFileSync(file).includes(text)).toBe(false)
  }
}
