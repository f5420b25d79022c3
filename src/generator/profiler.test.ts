// The generator's prompt, the cleaning of its answers, and the profile cache.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toyPolicy, toyTokenizer, toyUsers } from '../train/testing/toy-policy.ts'
import { type CachedProfile, openProfileCache } from './cache.ts'
import { cleanProfile } from './clean.ts'
import { generateProfiles } from './generate.ts'
import { buildProfilePrompt } from './history.ts'
import { generatorDigest, profileUsers } from './profile-users.ts'
import { DEFAULT_WORDING, profilePrompt } from './prompt.ts'

const interaction = (text: string) => ({ text, time: undefined, metadata: {} })

describe('generatorDigest', () => {
  const prompt = { ...DEFAULT_WORDING, historyTokens: 100, interactionTokens: 50 }
  const digest = (redact?: boolean) =>
    generatorDigest('weights', { prompt: { ...prompt, redact }, maxTokens: 8, temperature: 0, seed: 1 })

  it('tells a generator that reads redacted histories from one that does not', () => {
    expect(digest(true)).not.toBe(digest())
    expect(digest(false)).toBe(digest())
  })
})

describe('buildProfilePrompt', () => {
  // One token is one character here: "- abc\n" costs 6.
  const history = ['first', 'second', 'third'].map(interaction)

  it('shows the most recent interactions that fit, oldest first', () => {
    const fits = (historyTokens: number) =>
      buildProfilePrompt(history, toyTokenizer, { ...DEFAULT_WORDING, historyTokens, interactionTokens: 50 }).texts
    expect(fits(100)).toEqual(['first', 'second', 'third'])
    expect(fits(17)).toEqual(['second', 'third'])
    expect(fits(16)).toEqual(['third'])
    expect(fits(5)).toEqual(['th'])
  })

  it('cuts long interactions at a token and never inside a character', () => {
    const cut = (text: string, interactionTokens: number) =>
      buildProfilePrompt([interaction(text)], toyTokenizer, {
        ...DEFAULT_WORDING,
        historyTokens: 100,
        interactionTokens,
      }).texts
    expect(cut('on coffee and tea', 4)).toEqual(['on coffee'])
    expect(cut('né', 2)).toEqual(['n'])
  })

  it('keeps each interaction on one line and skips empty ones', () => {
    const texts = buildProfilePrompt([interaction('a\n\n b'), interaction(' \n')], toyTokenizer, {
      ...DEFAULT_WORDING,
      historyTokens: 100,
      interactionTokens: 50,
    }).texts
    expect(texts).toEqual(['a b'])
  })

  it('takes personal data out before it cuts, if it is asked to', () => {
    const records = ['Write to anna.keller@example.org about the tulips'].map(interaction)
    const shown = (budget: { interactionTokens: number; redact?: boolean }) =>
      buildProfilePrompt(records, toyTokenizer, { ...DEFAULT_WORDING, historyTokens: 100, ...budget }).texts
    expect(shown({ interactionTokens: 100 })).toEqual(['Write to anna.keller@example.org about the tulips'])
    expect(shown({ interactionTokens: 100, redact: true })).toEqual(['Write to [email] about the tulips'])
    // The toy tokenizer has one token a character: a cut at 20 would leave "Write to anna.keller".
    expect(shown({ interactionTokens: 20, redact: true })[0]).not.toContain('anna')
  })

  it('never lists more tokens than the budget', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 }),
        fc.integer({ min: 4, max: 80 }),
        fc.integer({ min: 1, max: 30 }),
        (texts, historyTokens, interactionTokens) => {
          const shown = buildProfilePrompt(texts.map(interaction), toyTokenizer, {
            ...DEFAULT_WORDING,
            historyTokens,
            interactionTokens,
          })
          const cost = shown.texts.reduce((sum, text) => sum + toyTokenizer.encode(`- ${text}\n`).length, 0)
          expect(cost).toBeLessThanOrEqual(historyTokens)
        },
      ),
    )
  })
})

describe('profilePrompt', () => {
  it('sends a system message only where the wording has one, and the instruction last', () => {
    const wording = { system: 'be brief', instruction: 'Who is this?' }
    expect(profilePrompt(['a', 'b'], wording)).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'Records of one person, oldest first:\n- a\n- b\n\nWho is this?' },
    ])
    expect(profilePrompt(['a'], { ...wording, system: '' }).map(({ role }) => role)).toEqual(['user'])
  })

  it('shows the profile that is rewritten before what is new', () => {
    expect(profilePrompt(['c'], { system: '', instruction: 'Who is this?' }, 'Likes tea.')).toEqual([
      {
        role: 'user',
        content:
          'What is known of one person:\nLikes tea.\n\nNew records of the same person, oldest first:\n- c\n\nWho is this? Keep what still holds, and add what is new.',
      },
    ])
  })
})

describe('cleanProfile', () => {
  it.each([
    ['  likes tea. \n', 'likes tea.'],
    ['Profile: likes tea', 'likes tea'],
    ['<think>\nhm\n</think>\n\nlikes tea<|im_end|>', 'likes tea'],
    ['<think>never ends', ''],
    ['assistant\nlikes  tea</s>', 'likes tea'],
    ['likes a < b and b > c', 'likes a < b and b > c'],
    ['', ''],
  ])('%j becomes %j', (text, profile) => expect(cleanProfile(text)).toBe(profile))
})

describe('generateProfiles', () => {
  it('says what to lower where prompt and profile do not fit the context', async () => {
    const options = {
      prompt: { ...DEFAULT_WORDING, historyTokens: 100, interactionTokens: 20 },
      maxTokens: 5000,
      temperature: 1,
      seeds: () => [1],
    }
    await expect(generateProfiles(toyPolicy(), toyUsers(1, 'u'), options)).rejects.toThrow(/prompt\.historyTokens/)
  })

  it('rewrites a profile within the same budgets; an empty one is none', async () => {
    const options = {
      prompt: { ...DEFAULT_WORDING, historyTokens: 100, interactionTokens: 20 },
      maxTokens: 6,
      temperature: 1,
      seeds: () => [1],
    }
    const [user] = toyUsers(1, 'u')
    const promptWith = async (previous?: string) => {
      const [{ prompt, shown }] = await generateProfiles(toyPolicy(), [{ ...user, previous }], options)
      return { text: toyTokenizer.decode(prompt), shown }
    }
    const plain = await promptWith()
    expect(await promptWith(' \n')).toEqual(plain)
    const rewritten = await promptWith('tea and much more of it')
    expect(rewritten.text).toContain('What is known of one person:\ntea an\n\nNew records')
    expect(rewritten.shown).toEqual(plain.shown)
  })
})

describe('the profile cache', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bump-cache-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const options = () => ({
    settings: {
      prompt: { ...DEFAULT_WORDING, historyTokens: 400, interactionTokens: 60 },
      maxTokens: 6,
      temperature: 0,
      seed: 1,
    },
    weights: 'weights-1',
    out: join(folder, 'profiles.jsonl'),
  })

  const read = (): CachedProfile[] =>
    readFileSync(options().out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('goes on where an interrupted command stopped', async () => {
    const users = toyUsers(40, 'u')
    let calls = 0
    const dies = toyPolicy({
      onCall: () => {
        if (++calls === 2) throw new Error('power cut')
      },
    })
    await expect(profileUsers(dies, users, options())).rejects.toThrow('power cut')
    appendFileSync(options().out, '{"user":"u20","prof')
    const done: number[] = []
    const result = await profileUsers(toyPolicy(), users, { ...options(), onProgress: (n) => done.push(n) })
    expect(result).toEqual({ users: 40, cached: 16, others: 0 })
    expect(done).toEqual([32, 40])
    expect(read().map(({ user }) => user)).toEqual(users.map(({ id }) => id))
  })

  it('writes a new profile where the history or the generator changed, and keeps one per user', async () => {
    const users = toyUsers(3, 'u')
    await profileUsers(toyPolicy(), users, options())
    const before = read()
    users[1].history.push(interaction('one more record'))
    await profileUsers(toyPolicy(), users, options())
    const after = read()
    expect(after[0]).toEqual(before[0])
    expect(after[1].history).not.toBe(before[1].history)
    const known = users.map((user) => ({ ...user, previous: 'Likes tea.' }))
    expect(await profileUsers(toyPolicy(), known, options())).toMatchObject({ cached: 0 })
    expect(await profileUsers(toyPolicy(), known, options())).toMatchObject({ cached: 3 })
    await profileUsers(toyPolicy(), users, { ...options(), weights: 'weights-2' })
    expect(read()[0].generator).not.toBe(before[0].generator)
    expect(read()).toHaveLength(3)
  })

  it('keeps the last line of every user who is not in this call', async () => {
    const users = toyUsers(4, 'u')
    await profileUsers(toyPolicy(), users, options())
    await profileUsers(toyPolicy(), users.slice(0, 3), { ...options(), weights: 'weights-2' })
    const [, , third, fourth] = read()
    const [active] = users
    active.history.push(interaction('this week'))
    const result = await profileUsers(toyPolicy(), [active], options())
    expect(result).toMatchObject({ users: 1, cached: 0, others: 3 })
    expect(read().map(({ user }) => user)).toEqual(['u0', 'u1', 'u2', 'u3'])
    expect(read().slice(2)).toEqual([third, fourth])
    expect(third.generator).not.toBe(fourth.generator)
  })

  it('names the line that is not its own', () => {
    const path = join(folder, 'notes.jsonl')
    writeFileSync(path, '{"user":1}\n')
    expect(() => openProfileCache(path)).toThrow(/notes\.jsonl:1 is no line of a profile cache/)
  })
})
