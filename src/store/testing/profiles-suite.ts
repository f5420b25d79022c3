// Profiles out, and what people say about them.
import { expect, it } from 'vitest'
import { readAudit } from '../audit.ts'
import { addCorrection, listCorrections, retractCorrection } from '../corrections.ts'
import { addInteractions, setExcluded } from '../interactions.ts'
import { readUser, setProfiling } from '../persons.ts'
import { listVersions, readProfile, readSources, readVersion, restoreVersion, writeProfileByHand } from '../profiles.ts'
import { rivalsOf } from '../refresh.ts'
import { claimed, newProject, published, type TestedStore, withUser } from './stores.ts'

export function testProfiles({ store }: TestedStore): void {
  it('serves the latest version, with its sources', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 6)
    expect(await readProfile(store(), scope)).toMatchObject({ status: 'pending', text: '', newInteractions: 6 })
    expect(await published(store(), scope, 'Grows beans.', { heldOut: ['i6'] })).toBe('done')
    const first = await readProfile(store(), scope)
    expect(first).toMatchObject({ status: 'published', version: 1, text: 'Grows beans.', stale: false, judged: true })
    expect(first).toMatchObject({ newInteractions: 0, throughTime: 6, origin: 'generated' })
    await published(store(), scope, 'Grows roses.', { status: 'rejected' })
    expect(await readProfile(store(), scope)).toMatchObject({ version: 1, revision: first.revision })
    const versions = await listVersions(store(), scope, { limit: 1 })
    expect(versions.data).toMatchObject([{ version: 2, status: 'rejected', served: false, gate: { d: 0 } }])
    expect((await listVersions(store(), scope, { limit: 5, cursor: versions.nextCursor })).data).toMatchObject([
      { version: 1, served: true },
    ])
    const sources = await readSources(store(), scope, 1)
    expect(sources.map(({ id, heldOut }) => [id, heldOut])).toEqual([
      ...[1, 2, 3, 4, 5].map((i) => [`i${i}`, false]),
      ['i6', true],
    ])
    await expect(readVersion(store(), scope, 3)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('keeps a text written by hand until it is let go, and restores older ones', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 6)
    await published(store(), scope, 'Grows beans.')
    const { revision } = await readProfile(store(), scope)
    const manual = await writeProfileByHand(store(), scope, { text: ' I bake. ', revision })
    expect(manual).toMatchObject({ text: 'I bake.', version: 2, origin: 'manual' })
    await expect(writeProfileByHand(store(), scope, { text: 'x', revision })).rejects.toMatchObject({
      code: 'conflict',
    })
    await expect(writeProfileByHand(store(), scope, { text: ' ' })).rejects.toMatchObject({ code: 'invalid-options' })
    await withUser(store(), scope, 'u', 50)
    expect(await readUser(store(), scope)).toMatchObject({ profiling: 'frozen', dueAt: undefined })
    expect(await restoreVersion(store(), scope, 1)).toMatchObject({
      version: 3,
      text: 'Grows beans.',
      origin: 'restored',
    })
    expect((await readSources(store(), scope, 3)).length).toBe(6)
    expect(await setProfiling(store(), scope, 'on')).toMatchObject({ dueReason: 'requested' })
    await setProfiling(store(), scope, 'off')
    expect(await readProfile(store(), scope)).toMatchObject({ status: 'off', text: '', version: undefined })
  })

  it('serves statements word for word, and nothing that is denied, in no version', async () => {
    const scope = await withUser(store(), await newProject(store(), { deny: ['credit card'] }), 'u', 6)
    const statement = await addCorrection(store(), scope, { kind: 'state', text: 'I am a\n vegan <b>.' })
    expect(await readProfile(store(), scope)).toMatchObject({ status: 'published', statements: ['I am a vegan <b>.'] })
    await published(store(), scope, 'Grows beans. Loves his doctors. Pays by credit cards.')
    expect((await readProfile(store(), scope)).text).toBe('Grows beans. Loves his doctors.')
    const before = (await readProfile(store(), scope)).revision
    const denial = await addCorrection(store(), scope, { kind: 'deny', text: 'I am not a Doctor!' })
    const after = await readProfile(store(), scope)
    expect(after).toMatchObject({ text: 'Grows beans.', stale: true })
    expect(after.revision).toBeGreaterThan(before)
    expect(await readUser(store(), scope)).toMatchObject({ dueReason: 'corrected' })
    await published(store(), scope, 'A doctor. Likes rain.')
    await restoreVersion(store(), scope, 1)
    expect((await readProfile(store(), scope)).text).toBe('Grows beans.')
    expect((await readProfile(store(), scope)).statements).toEqual(['I am a vegan <b>.'])
    expect(await listCorrections(store(), scope)).toMatchObject([{ id: statement.id }, { id: denial.id }])
    await retractCorrection(store(), scope, denial.id)
    await retractCorrection(store(), scope, statement.id)
    expect(await readProfile(store(), scope)).toMatchObject({ text: 'Grows beans. Loves his doctors.', statements: [] })
    await expect(retractCorrection(store(), scope, denial.id)).rejects.toMatchObject({ code: 'not-found' })
    for (const text of ['', 'x'.repeat(501), 'half \ud800', 'she is the'])
      await expect(addCorrection(store(), scope, { kind: 'deny', text })).rejects.toMatchObject({
        code: 'invalid-options',
      })
  })

  it('gives those who ask at once what is theirs', async () => {
    const [one, other] = [await newProject(store()), await newProject(store())]
    const scopes = await Promise.all([one, other].flatMap((of) => ['u', 'v'].map((u) => withUser(store(), of, u, 4))))
    for (const [i, scope] of scopes.entries()) await published(store(), scope, `Text ${i}.`)
    await addCorrection(store(), scopes[3], { kind: 'state', text: 'I bake' })
    const nobody = { ...one, user: 'w' }
    const asked = [...scopes, ...scopes].map((scope) => readProfile(store(), scope))
    await expect(readProfile(store(), nobody)).rejects.toMatchObject({ code: 'not-found' })
    expect((await Promise.all(asked)).map(({ text, statements }) => [text, ...statements])).toEqual(
      [0, 1].flatMap(() => [['Text 0.'], ['Text 1.'], ['Text 2.'], ['Text 3.', 'I bake']]),
    )
  })

  it('takes as rivals those first whose profile was refreshed', async () => {
    const project = await newProject(store())
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((user) => withUser(store(), project, user, 4)))
    const { revision } = await readProfile(store(), a)
    await writeProfileByHand(store(), a, { text: 'By hand.', revision })
    for (const scope of [b, c]) await published(store(), scope, 'Refreshed.')
    const rivals = async (limit: number) => (await rivalsOf(store(), c, limit)).map(({ user }) => user)
    expect(await rivals(1)).toEqual(['b'])
    expect(await rivals(2)).toEqual(['a', 'b'])
  })

  it('takes profiles back that were written from what is excluded', async () => {
    const scope = await withUser(store(), await newProject(store()), 'u', 5)
    await published(store(), scope, 'Grows beans.')
    await addInteractions(store(), scope, [{ user: 'u', id: 'new', text: 'roses' }])
    await published(store(), scope, 'Grows beans and roses.')
    const { id } = await addCorrection(store(), scope, { kind: 'exclude', interactions: ['new'] })
    expect(await readProfile(store(), scope)).toMatchObject({ version: 1, text: 'Grows beans.', stale: true })
    const work = await claimed(store(), scope)
    expect(work.interactions.map((each) => each.id)).not.toContain('new')
    await expect(restoreVersion(store(), scope, 2)).rejects.toMatchObject({ code: 'conflict' })
    await setExcluded(store(), scope, ['i1'], true)
    expect(await readProfile(store(), scope)).toMatchObject({ status: 'pending', version: undefined, text: '' })
    expect(await readUser(store(), scope)).toMatchObject({ interactions: 6, included: 4 })
    await retractCorrection(store(), scope, id)
    expect(await readUser(store(), scope)).toMatchObject({ included: 5 })
    const unknown = addCorrection(store(), scope, { kind: 'exclude', interactions: ['i2', 'nope'] })
    await expect(unknown).rejects.toMatchObject({ code: 'not-found' })
    expect(await readUser(store(), scope)).toMatchObject({ included: 5 })
  })

  it('notes who did what, without a word of it', async () => {
    const project = await newProject(store())
    const scope = await withUser(store(), project, 'jane@example.org', 5)
    await addCorrection(store(), { ...scope, actor: 'key7' }, { kind: 'state', text: 'I am vegan' })
    await setExcluded(store(), scope, ['i2'], true)
    const { data } = await readAudit(store(), project, { limit: 10 })
    expect(data.map(({ actor, action, details }) => [actor, action, details])).toEqual([
      ['test', 'interactions.excluded', { interactions: 1 }],
      ['key7', 'correction.made', { kind: 'state' }],
    ])
    expect((await readAudit(store(), project, { limit: 9, user: 'somebody' })).data).toEqual([])
    const page = await readAudit(store(), project, { limit: 1, user: 'jane@example.org' })
    const next = await readAudit(store(), project, { limit: 1, user: 'jane@example.org', cursor: page.nextCursor })
    expect(next.data[0].action).toBe('correction.made')
    const rows = await store().db.selectFrom('audit').selectAll().where('project', '=', scope.project).execute()
    // A row's own id is random and may hold any two letters.
    expect(JSON.stringify(rows.map((row) => ({ ...row, id: '' })))).not.toMatch(/vegan|jane|i2/)
  })
}
