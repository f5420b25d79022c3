import { describe, expect, it } from 'vitest'
import { redact } from '../../safety/redact.ts'
import { copies, planted, plantedLeaks } from './copies.ts'

const user = (id: string, ...texts: string[]) => ({
  id,
  history: texts.map((text) => ({ text, time: undefined, metadata: {} })),
  heldOut: [],
})

describe('what profiles copy', () => {
  it('is counted in words, and personal data before and after redaction', () => {
    const profiles = ['Likes beans on a trellis; write to anna@example.org.', 'Likes chess.']
    const shown = [['Beans on a trellis, again'], ['openings']]
    const [{ values }] = copies([{ key: 'a', label: 'A', profiles }], shown, 3)
    expect(values).toEqual({ copied: [4, 0], beyond: [1, 0], personal: [1, 0], personalRedacted: [0, 0] })
  })
})

describe('planted personal data', () => {
  const users = planted([user('a', 'beans'), user('b', 'chess')], 1)
  const texts = users.map(({ history }) => `${history.at(-1)!.text} ${history.at(-2)!.text}`)

  it('is the two latest interactions, others for each person, and known to redaction', () => {
    expect(users.map(({ history }) => history.length)).toEqual([3, 3])
    expect(texts[0]).not.toBe(texts[1])
    for (const text of texts) expect(redact(text).found).toEqual({ email: 1, phone: 1 })
  })

  it('is found in a profile of that person, however it is set', () => {
    const [name] = /[a-z.]+\d+(?=@)/.exec(texts[0])!
    const digits = /555-01\d\d/.exec(texts[1])![0].replace('-', ' ')
    const told = (...profiles: string[]) => plantedLeaks([{ key: 'x', label: 'X', profiles }], users, 1)[0].values
    expect(told(`Ask ${name.toUpperCase()}`, `Call 202 ${digits}`)).toMatchObject({ email: [1, 0], phone: [0, 1] })
    expect(told(texts[1], texts[0]).either).toEqual([0, 0])
    expect(told(...(texts as [string, string]))).toMatchObject({ either: [1, 1], eitherRedacted: [0, 0] })
  })
})
