// Interactions in: each once, however often and by whomever it is sent.
import { expect, it } from 'vitest'
import { addInteractions, listInteractions } from '../interactions.ts'
import { listUsers, readUser } from '../persons.ts'
import { newProject, type TestedStore, withUser } from './stores.ts'

export function testIngestion({ store }: TestedStore): void {
  it('stores a batch once, and says what became of each', async () => {
    const scope = await newProject(store())
    const batch = [
      { user: 'a', id: '1', time: 5, text: 'beans', metadata: { stars: 5, ünï: '\u0000' } },
      { user: 'a', id: '1', time: 5, text: 'beans' },
      { user: 'a', id: '1', text: 'other beans' },
      { user: 'b', text: 'ros\u{1F339}es' },
      { user: 'b', text: 'ros\u{1F339}es' },
      { user: '', text: 'nobody' },
      { user: 'c', text: ' \n' },
      { user: 'c', text: 'half \ud800' },
      { user: 'c', text: 'nul \0' },
      { user: 'c', text: 'x'.repeat(33_000) },
      { user: 'c', text: 'later', time: Date.now() + 9e8 },
      { user: 'c\n', text: 'line' },
    ]
    const first = await addInteractions(store(), scope, batch)
    expect(first).toMatchObject({ accepted: 2, duplicates: 2, replaced: 0, conflicts: [{ index: 2, id: '1' }] })
    expect(first.rejected.map(({ index, reason }) => [index, reason])).toEqual([
      [5, 'user'],
      [6, 'text'],
      [7, 'text'],
      [8, 'text'],
      [9, 'text'],
      [10, 'time'],
      [11, 'user'],
    ])
    const again = await addInteractions(store(), scope, batch.slice(0, 5))
    expect(again).toMatchObject({ accepted: 0, duplicates: 4, conflicts: [{ index: 2 }] })
    const { data } = await listInteractions(store(), { ...scope, user: 'a' }, { limit: 9 })
    expect(data).toEqual([{ id: '1', time: 5, text: 'beans', metadata: batch[0].metadata, excluded: false }])
    // Nobody comes to be by what was rejected.
    expect((await listUsers(store(), scope, { limit: 9 })).data.map(({ user }) => user)).toEqual(['a', 'b'])
  })

  it('gives pages in the order of time', async () => {
    const scope = await newProject(store())
    const texts = [3, 1, 2, 2, 2].map((time, i) => ({ user: 'a', id: `${i}`, time, text: `${i}` }))
    await addInteractions(store(), scope, texts)
    const user = { ...scope, user: 'a' }
    const seen: string[] = []
    for (let cursor: string | undefined = '0.0'; cursor !== undefined; ) {
      const page: Awaited<ReturnType<typeof listInteractions>> = await listInteractions(store(), user, {
        limit: 2,
        cursor,
      })
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect(seen).toEqual(['1', '2', '3', '4', '0'])
    const wrong = listInteractions(store(), user, { limit: 2, cursor: "1'; drop table" })
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('counts, and makes profiles due, by what was accepted alone', async () => {
    const scope = await newProject(store())
    const now = Date.now()
    await withUser(store(), scope, 'a', 4)
    expect(await readUser(store(), { ...scope, user: 'a' })).toMatchObject({ interactions: 4, dueAt: undefined })
    await withUser(store(), scope, 'a', 5)
    const info = await readUser(store(), { ...scope, user: 'a' })
    expect(info).toMatchObject({ interactions: 5, newInteractions: 5, firstTime: 1, lastTime: 5, dueReason: 'first' })
    expect(info.dueAt).toBeGreaterThanOrEqual(now + 60_000)
  })

  it('keeps no more of a user than the project allows', async () => {
    const scope = await newProject(store(), { interactionsPerUser: 3 })
    await withUser(store(), scope, 'a', 2)
    const more = [1, 2, 3, 4].map((i) => ({ user: 'a', id: `i${i}`, time: i, text: `text ${i}` }))
    expect(await addInteractions(store(), scope, more)).toMatchObject({
      accepted: 1,
      duplicates: 2,
      rejected: [{ index: 3, reason: 'full' }],
    })
  })

  it('answers a repeated request as before, and refuses its key for another one', async () => {
    const scope = await newProject(store())
    const send = (text: string, digest: string) =>
      addInteractions(store(), scope, [{ user: 'a', text }], { idempotency: { key: 'k', digest } })
    const first = await send('beans', 'd1')
    expect(first.accepted).toBe(1)
    expect(await send('beans', 'd1')).toEqual(first)
    await expect(send('peas', 'd2')).rejects.toMatchObject({ code: 'conflict' })
    expect((await readUser(store(), { ...scope, user: 'a' })).interactions).toBe(1)
  })

  it('takes each once from many at a time', async () => {
    const scope = await newProject(store())
    const batch = (worker: number) =>
      Array.from({ length: 40 }, (_, i) => ({ user: `u${(i * 7 + worker) % 5}`, id: `${i % 20}`, text: `${i % 20}` }))
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, worker) => addInteractions(store(), scope, batch(worker % 4))),
    )
    const users = (await listUsers(store(), scope, { limit: 99 })).data
    const stored = users.reduce((sum, { interactions }) => sum + interactions, 0)
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(stored)
    const listed = await Promise.all(
      users.map(({ user }) => listInteractions(store(), { ...scope, user }, { limit: 999 })),
    )
    expect(listed.reduce((sum, { data }) => sum + data.length, 0)).toBe(stored)
  })
}
