import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitPhrases, lampPrompt, type TokenMeasure } from './prompts.ts'
import { TASKS } from './tasks.ts'
import { CHARACTERS } from './testing/lamp-folder.ts'
import type { LampItem, LampTaskNumber } from './types.ts'

function item(title: string, body: string): LampItem {
  const fields = { title, abstract: body, text: body, description: body, tag: title, score: '3' }
  return { id: title, fields }
}

/** Four characters a token, rounded up for each text: parts count more than the whole. */
const QUARTERS: TokenMeasure = {
  countTokens: (text) => Math.ceil(text.length / 4),
  cut: (text, limit) => text.slice(0, 4 * limit),
}
/** Words and single spaces as tokens, where spaces between two texts can merge. */
const PIECES: TokenMeasure = {
  countTokens: (text) => text.match(/\s+|\S+/g)?.length ?? 0,
  cut: (text, limit) => (text.match(/\s+|\S+/g) ?? []).slice(0, limit).join(''),
}

describe('lampPrompt', () => {
  it('puts the profile first, then the phrases, then the input', () => {
    const parts = { input: 'Do: it', items: [item('A', 'aa'), item('B', 'bb')], profile: ' likes x\n' }
    expect(lampPrompt(TASKS[5], parts, 1000, CHARACTERS)).toBe(
      'Profile of the user: likes x\n\n"A" is the title for "aa", and "B" is the title for "bb". Following the given patterns Do: it',
    )
    expect(lampPrompt(TASKS[5], { input: 'Do: it', items: [] }, 1000, CHARACTERS)).toBe('Do: it')
  })

  it('inserts the papers of a citation question into the input, after the profile', () => {
    const parts = { input: 'with the title "X"', items: [item('A', '')], profile: 'p' }
    expect(lampPrompt(TASKS[1], parts, 1000, CHARACTERS)).toBe('Profile of the user: p\n\nwith the title, and "A" "X"')
  })

  it('reserves at most 0.6 of the budget for the input and cuts its end', () => {
    const parts = { input: 'i'.repeat(500), items: [item('', 't'.repeat(500))] }
    const prompt = lampPrompt(TASKS[7], parts, 200, CHARACTERS)
    expect(prompt).toHaveLength(200)
    expect(prompt.endsWith(`patterns ${'i'.repeat(120)}`)).toBe(true)
    expect(lampPrompt(TASKS[7], { input: 'i'.repeat(500), items: [] }, 200, CHARACTERS)).toBe('i'.repeat(200))
  })

  it('leaves to the input what items do not use', () => {
    const prompt = lampPrompt(TASKS[7], { input: 'i'.repeat(500), items: [item('', 'short')] }, 200, CHARACTERS)
    expect(prompt).toHaveLength(200)
    expect(prompt.startsWith('"short" are written by a person.')).toBe(true)
  })

  it('never cuts the reserved input for a long profile', () => {
    const prompt = lampPrompt(
      TASKS[4],
      { input: 'i'.repeat(100), items: [], profile: 'p'.repeat(300) },
      200,
      CHARACTERS,
    )
    expect(prompt).toBe(`Profile of the user: ${'p'.repeat(100 - 23)}\n\n${'i'.repeat(100)}`)
  })

  it('leaves out a profile that has no room or no words', () => {
    const input = 'i'.repeat(30)
    expect(lampPrompt(TASKS[4], { input, items: [], profile: 'p' }, 40, CHARACTERS)).toBe(input)
    expect(lampPrompt(TASKS[4], { input, items: [], profile: ' ' }, 400, CHARACTERS)).toBe(input)
  })

  it('never exceeds the budget, and keeps every task input whole where it fits', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '"', 'é'), maxLength: 60 })
    const number = fc.constantFrom<LampTaskNumber>(1, 2, 3, 4, 5, 6, 7)
    const items = fc.array(fc.tuple(text, text), { maxLength: 5 })
    const measure = fc.constantFrom(CHARACTERS, QUARTERS, PIECES)
    fc.assert(
      fc.property(
        number,
        text,
        items,
        fc.option(text, { nil: undefined }),
        fc.integer({ min: 1, max: 300 }),
        measure,
        (task, input, list, profile, budget, model) => {
          const parts = { input: `title ${input}`, items: list.map(([a, b]) => item(a, b)), profile }
          const prompt = lampPrompt(TASKS[task], parts, budget, model)
          expect(model.countTokens(prompt)).toBeLessThanOrEqual(budget)
          if (model.countTokens(parts.input) <= Math.floor(0.6 * budget) && task !== 1 && model === CHARACTERS)
            expect(prompt.endsWith(parts.input)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('fitPhrases', () => {
  const input = 'x'
  const phrases = (items: LampItem[], room: number) => fitPhrases(TASKS[7], { input, items }, room, CHARACTERS)
  /** Room that the texts of `n` items have when every phrase, joint and the link to the input is paid. */
  const paid = (n: number, each: number) => n * (each + 2) + (n - 1) * 6 + TASKS[7].join('', '').length

  it('shares the room evenly', () => {
    const long = (c: string) => item('', c.repeat(100))
    expect(phrases([long('a'), long('b'), long('c')], paid(3, 10))).toEqual(
      ['a', 'b', 'c'].map((c) => `"${c.repeat(10)}"`),
    )
  })

  it('passes what an item leaves unused to the next', () => {
    const given = phrases([item('', 'a'), item('', 'b'.repeat(100)), item('', 'c'.repeat(100))], paid(3, 10))
    expect(given).toEqual(['"a"', `"${'b'.repeat(19)}"`, `"${'c'.repeat(10)}"`])
  })

  it('leaves out an item whose fixed words exceed its share, which passes on', () => {
    const task = TASKS[4]
    const items = [item('t'.repeat(200), 'a'), item('B', 'b'.repeat(100))]
    const given = fitPhrases(task, { input, items }, 108, CHARACTERS)
    expect(given).toEqual([`"B" is the title for "${'b'.repeat(100 - '"B" is the title for ""'.length)}"`])
  })

  it('gives nothing without room or items', () => {
    expect(phrases([item('', 'a')], 3)).toEqual([])
    expect(phrases([], 100)).toEqual([])
  })
})
