import { describe, expect, it } from 'vitest'
import { createJudges } from '../judge/judge.ts'
import type { Judge } from '../judge/types.ts'
import type { User } from '../logs/types.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { trainConfigSchema } from './config.ts'
import { measureControls, wholeTextJudge } from './measure.ts'

/** Six people; only the last thing that each said tells who they are. */
const users: User[] = ['roses', 'trains', 'chess', 'sailing', 'coffee', 'violins'].map((topic, u) => {
  const interaction = (text: string) => ({ text, time: undefined, metadata: {} })
  const small = Array.from({ length: 20 }, (_, i) => interaction(`weather notes of morning ${i}`))
  return { id: `u${u}`, history: [...small, interaction(`about ${topic}`)], heldOut: [interaction(`more ${topic}`)] }
})
const config = (judge: object) =>
  trainConfigSchema.parse({
    name: 'x',
    logs: { paths: ['-'] },
    model: 'toy',
    judge: { scorer: 'likelihood', ...judge },
    prompt: { historyTokens: 400 },
    reward: { type: 'bidirectional', negatives: 4 },
  })

it('the mismatched control has pools as large as the others where users are few', async () => {
  const settings = config({})
  const negatives = users.length
  const cannotTell: Judge = {
    name: 'own',
    describe: () => ({}),
    score: async ({ forward, backward }) => {
      const ties = (pools: typeof forward) => pools.map(({ candidates }) => [candidates.map(() => 0)])
      return { forward: ties(forward), backward: ties(backward) }
    },
  }
  const { history, mismatched } = await measureControls(
    toyModel().tokenizer,
    cannotTell,
    users,
    users.map(() => 'a profile'),
    { ...settings, reward: { ...settings.reward, negatives } },
  )
  expect(mismatched?.forward.mean).toBeCloseTo(history.forward.mean, 12)
  expect(mismatched?.backward.mean).toBeCloseTo(history.backward.mean, 12)
})

describe('the control of the raw history', () => {
  const measured = async (maxProfileTokens: number, model = toyModel(), notes: string[] = []) => {
    const settings = config({ maxProfileTokens })
    const { history } = await measureControls(
      model.tokenizer,
      createJudges([model], settings.judge),
      users,
      users.map(() => 'a profile'),
      settings,
      { wholeTexts: wholeTextJudge([model], settings.judge), onNote: (text) => notes.push(text) },
    )
    return history
  }

  it('is read whole, however little the judge reads of a profile', async () => {
    const whole = await measured(1000)
    expect(whole.both.mean).toBe(1)
    expect(await measured(20)).toEqual(whole)
  })

  it('shows its latest part where the judge cannot hold it, and says so', async () => {
    const notes: string[] = []
    const { both } = await measured(20, toyModel({ contextLength: 100 }), notes)
    expect(both.mean).toBe(1)
    expect(notes).toEqual(['the judge cannot hold the whole raw history: its control shows the latest 20 tokens'])
  })

  it('goes as it is to a judge of one’s own', async () => {
    const seen: string[] = []
    const judge: Judge = {
      name: 'own',
      describe: () => ({}),
      score: async ({ forward, backward }) => {
        seen.push(...forward.map(({ query }) => query))
        const ties = (pools: typeof forward) => pools.map(({ candidates }) => [candidates.map(() => 0)])
        return { forward: ties(forward), backward: ties(backward) }
      },
    }
    const settings = config({})
    const profiles = users.map(() => 'a profile')
    await measureControls(toyModel().tokenizer, judge, users, profiles, settings)
    expect(seen.some((query) => query.endsWith('- about roses') && query.includes('morning 0'))).toBe(true)
  })
})
