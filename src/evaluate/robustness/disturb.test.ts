import { describe, expect, it } from 'vitest'
import type { User } from '../../logs/types.ts'
import { type DisturbanceKind, disturbed } from './disturb.ts'

const WORDS = ['roses', 'trains', 'sailing', 'chess', 'bread', 'jazz']
const interaction = (text: string) => ({ text, time: undefined, metadata: {} })
const users: User[] = WORDS.map((word, u) => ({
  id: `u${u}`,
  history: Array.from({ length: 4 + u }, (_, i) => interaction(`${word} number ${i}, quite wonderful`)),
  heldOut: [interaction(`later ${word}`)],
}))
const texts = (kind: DisturbanceKind, seed = 1) =>
  disturbed(kind, users, seed).levels.map(({ label, histories }) => ({
    label,
    histories: histories.map((history) => history.map(({ text }) => text)),
  }))
const own = (u: number) => users[u].history.map(({ text }) => text)

describe('disturbed', () => {
  it('keeps the latest interactions of a short history', () => {
    const levels = texts('short')
    expect(levels.map(({ label }) => label)).toEqual(['1', '2', '4', '8', '16'])
    for (const [l, n] of [1, 2, 4, 8, 16].entries())
      for (const u of users.keys()) expect(levels[l].histories[u]).toEqual(own(u).slice(-n))
    expect(disturbed('short', users, 1).note).toContain('6 than 1, 6 than 2, 5 than 4, 1 than 8, 0 than 16')
  })

  it('mixes in as many interactions of others as it says, and none that was held out', () => {
    const twin: User = { id: 'twin', history: [interaction('Later ROSES!'), interaction('more')], heldOut: [] }
    const levels = disturbed('others', [...users, twin], 1).levels
    const repeated = levels.flatMap(({ histories }) => histories[0]).filter(({ text }) => text === 'Later ROSES!')
    expect(repeated).toEqual([])
    // The twin has little to give, but gives it to those who did not hold it out.
    expect(levels[2].histories.flat().some(({ text }) => text === 'Later ROSES!')).toBe(true)
    for (const [l, share] of [0.1, 0.25, 0.5].entries())
      for (const [u, { history }] of users.entries()) {
        const mixed = levels[l].histories[u]
        expect(mixed.filter((each) => history.includes(each))).toEqual(history)
        const others = mixed.length - history.length
        expect(others).toBe(Math.max(1, Math.round((history.length * share) / (1 - share))))
      }
    // A stronger level holds the weaker one.
    for (const u of users.keys()) expect(levels[2].histories[u]).toEqual(expect.arrayContaining(levels[1].histories[u]))
  })

  it('misspells a share of the long words by a letter', () => {
    const written = own(5).join(' ').split(' ')
    const wrong = texts('typos').map(({ histories }) => {
      const words = histories[5].join(' ').split(' ')
      const changed = words.filter((word, w) => word !== written[w])
      for (const [w, word] of words.entries()) expect(Math.abs(word.length - written[w].length)).toBeLessThan(2)
      return changed.length
    })
    expect(wrong[0]).toBeGreaterThan(0)
    expect(wrong[0]).toBeLessThan(wrong[1])
    expect(wrong[1]).toBeLessThan(wrong[2])
    expect(
      texts('typos')[2]
        .histories.flat()
        .every((text) => /\d/.test(text)),
    ).toBe(true)
  })

  it('loses the order and nothing else', () => {
    const [{ histories }] = texts('order')
    for (const [u, history] of histories.entries()) expect([...history].sort()).toEqual([...own(u)].sort())
    expect(histories).not.toEqual(users.map((_, u) => own(u)))
  })

  it('depends on the seed and the person, not on who stands beside', () => {
    for (const kind of ['typos', 'order'] as const) {
      expect(texts(kind)).toEqual(texts(kind))
      expect(texts(kind, 2)).not.toEqual(texts(kind))
      const few = disturbed(kind, users.slice(3, 4), 1).levels.map(({ histories }) => histories[0])
      expect(few).toEqual(disturbed(kind, users, 1).levels.map(({ histories }) => histories[3]))
    }
    expect(texts('others', 2)).not.toEqual(texts('others'))
  })
})
