import { describe, expect, it } from 'vitest'
import { OPENERS, TOPICS } from './topics.ts'
import { drawByWeight, makePerson, makeRecords, populationOf, wordCount, writeProfile } from './world.ts'

const people = Array.from({ length: 300 }, (_, i) => makePerson('training', 1, i))

describe('the nano world', () => {
  it('has topics that share no thing and no name', () => {
    expect(TOPICS.length).toBe(48)
    for (const { things, settings } of TOPICS) expect([things.length, settings.length]).toEqual([10, 3])
    expect(new Set(TOPICS.flatMap(({ things }) => things)).size).toBe(480)
    expect(new Set(TOPICS.map(({ name }) => name)).size).toBe(48)
  })

  it('is determined by its seeds', () => {
    expect(makePerson('training', 1, 5)).toEqual(makePerson('training', 1, 5))
    expect(makePerson('training', 1, 5)).not.toEqual(makePerson('training', 2, 5))
    expect(makePerson('training', 1, 5)).not.toEqual(makePerson('training', 1, 6))
    expect(makeRecords(people[0], 12, 7)).toEqual(makeRecords(people[0], 12, 7))
    expect(makeRecords(people[0], 12, 7)).not.toEqual(makeRecords(people[0], 12, 8))
    expect(writeProfile(people[0], 'partial', 3)).toBe(writeProfile(people[0], 'partial', 3))
  })

  it('has populations without a common combination of interests', () => {
    for (const population of ['training', 'check', 'example'] as const)
      for (let i = 0; i < 200; i++) expect(populationOf(makePerson(population, 1, i).interests)).toBe(population)
    expect(populationOf([3, 1, 2])).toBe(populationOf([1, 2, 3]))
  })

  it('writes distinct records of 6 to 18 words, mostly about the interests', () => {
    let about = 0
    let all = 0
    for (const [i, person] of people.entries()) {
      const records = makeRecords(person, 12, i)
      expect(new Set(records).size).toBe(12)
      for (const text of records) {
        expect(wordCount(text)).toBeGreaterThanOrEqual(6)
        expect(wordCount(text)).toBeLessThanOrEqual(18)
        expect(OPENERS.some((opener) => text.startsWith(`${opener} `))).toBe(true)
        all++
        if (person.interests.some((t) => TOPICS[t].settings.some((place) => text.includes(place)))) about++
      }
    }
    expect(about / all).toBeGreaterThan(0.82)
    expect(about / all).toBeLessThan(0.97)
  })

  it('writes profiles as true as asked', () => {
    const names = (profile: string) =>
      TOPICS.map(({ name }, t) => [name, t] as const)
        .filter(([name]) =>
          new RegExp(`(on|into|of|Enjoys|,|and) ${name}[,. (]|(on|into|of|Enjoys|,|and) ${name} and`).test(profile),
        )
        .map(([, t]) => t)
    for (const [i, person] of people.entries()) {
      expect(names(writeProfile(person, 'true', i)).sort()).toEqual([...person.interests].sort())
      expect(names(writeProfile(person, 'vague', i))).toEqual([])
      expect(names(writeProfile(person, 'wrong', i)).filter((t) => person.interests.includes(t))).toEqual([])
      expect(names(writeProfile(person, 'partial', i)).filter((t) => person.interests.includes(t)).length).toBe(1)
    }
  })

  it('draws by weight', () => {
    expect([0, 0.2, 0.26, 0.99, 1].map((u) => drawByWeight([1, 0, 3], u))).toEqual([0, 0, 2, 2, 2])
  })
})
