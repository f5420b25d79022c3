import { describe, expect, it } from 'vitest'
import { NANO_WORDING } from '../../generator/prompt.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { toyTokenizer, toyUsers } from '../../train/testing/toy-policy.ts'
import { genericText, mismatchedOf, noProfile, rawHistories } from './conditions.ts'

describe('conditions', () => {
  const users = toyUsers(3, 'u')

  it('without a profile say the same of everyone, and something', () => {
    for (const { profiles } of [noProfile(users), genericText(users)]) {
      expect(profiles).toHaveLength(3)
      expect(new Set(profiles).size).toBe(1)
      expect(isEmptyProfile(profiles[0])).toBe(false)
    }
  })

  it('show of the history what the generator reads, and nothing held out', () => {
    // One token is one character or topic word: "- note 4 on coffee and tea\n" and the like.
    const all = rawHistories(users, toyTokenizer, { ...NANO_WORDING, historyTokens: 500, interactionTokens: 50 })
    expect(all.profiles[0]).toBe(users[0].history.map(({ text }) => `- ${text}`).join('\n'))
    const few = rawHistories(users, toyTokenizer, { ...NANO_WORDING, historyTokens: 40, interactionTokens: 50 })
    for (const [u, { history }] of users.entries()) {
      expect(few.profiles[u]).toMatch(new RegExp(`- ${history.at(-1)?.text}$`))
      expect(toyTokenizer.encode(`${few.profiles[u]}\n`).length).toBeLessThanOrEqual(40)
    }
  })

  it('mismatched keep the profiles and say whose kind they are', () => {
    const of = genericText(users)
    expect(mismatchedOf(of)).toMatchObject({ key: 'mismatched', profiles: of.profiles, mismatched: true })
    expect(mismatchedOf(of).label).toContain(of.label)
  })
})
