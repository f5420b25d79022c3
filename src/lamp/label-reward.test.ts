import { describe, expect, it } from 'vitest'
import type { User, UserSplit } from '../logs/types.ts'
import type { TextModel } from '../model/text-model.ts'
import { rewardConfigSchema } from '../reward/config.ts'
import type { RewardUser } from '../reward/reward.ts'
import { type LabelRewardConfig, labelRewardOn, labelValue } from './label-reward.ts'
import type { LampSplit, LampTaskNumber } from './types.ts'

const words = (text: string) => text.split(/(?<=\s)/)

/** Answers with the profile's words; chooses the label that the profile names. Counts what it is asked. */
function backbone(): TextModel & { asked: string[]; calls: number } {
  const profileOf = (content: string) => /^Profile of the user: (.*)\n\n/.exec(content)?.[1] ?? ''
  const model = {
    name: 'fake',
    identity: 'fake-1',
    contextLength: 4096,
    asked: [] as string[],
    calls: 0,
    countTokens: (text: string) => words(text).length,
    cut: (text: string, limit: number) => words(text).slice(0, limit).join(''),
    async answer(prompts: readonly { content: string }[][]) {
      model.calls++
      model.asked.push(...prompts.map(([{ content }]) => content))
      return prompts.map(([{ content }]) => profileOf(content))
    },
    async chooseLogprobs(prompts: readonly { content: string }[][], labels: readonly string[]) {
      model.calls++
      model.asked.push(...prompts.map(([{ content }]) => content))
      return prompts.map(([{ content }]) => labels.map((label) => (profileOf(content).includes(label) ? -1 : -9)))
    },
  }
  return model
}

const config = (changes: Partial<LabelRewardConfig> = {}): LabelRewardConfig => ({
  ...rewardConfigSchema.parse(undefined),
  budget: 512,
  maxQuestions: 2,
  ...changes,
})

function split(task: LampTaskNumber, rows: [user: string, gold: string][]): LampSplit {
  return {
    task,
    variant: `LaMP-${task}`,
    file: 'train_questions.json',
    questions: rows.map(([user], i) => ({ id: `q${i}`, user, input: `Answer about abstract ${i}`, items: [] })),
    golds: rows.map(([, gold]) => gold),
    rebuilt: false,
  }
}

const person = (id: string): User => ({ id, history: [], heldOut: [] })
const people = (train: string[], validation: string[] = [], test: string[] = []): UserSplit => ({
  train: train.map(person),
  validation: validation.map(person),
  test: test.map(person),
})
const group = (id: string, ...texts: string[]): RewardUser => ({
  id,
  heldOut: [],
  history: ['red green blue'],
  rollouts: texts.map((text) => ({ text, tokens: 10 })),
})

describe('labelValue', () => {
  it('grows as the answer gets better, within [0, 1]', () => {
    expect(labelValue({ accuracy: 1 })).toBe(1)
    expect([0, 1, 4, 90].map((mae) => labelValue({ mae, rmse: mae }))).toEqual([1, 0.75, 0, 0])
    expect(labelValue({ rouge1: 0.5, rougeL: 0.25 })).toBe(0.375)
  })
})

describe('labelReward', () => {
  const titles = split(5, [
    ['a', 'red green'],
    ['a', 'blue'],
    ['b', 'yellow'],
  ])

  it('is the mean metric over the user’s own questions, all rollouts in one call', async () => {
    const model = backbone()
    const reward = labelRewardOn({
      config: config(),
      questions: titles,
      backbone: model,
      users: people(['a', 'b']),
      seed: 1,
    })
    const { rewards, chance, usage } = await reward.score(
      [group('a', 'red green', 'blue', 'grey'), group('b', 'yellow', ' ... ')],
      [1, 0],
      {},
    )
    expect(rewards.map((own) => own.map(({ terms }) => terms.labels))).toEqual([
      [0.5, 0.5, 0],
      [1, 0],
    ])
    expect(rewards[1][1]).toMatchObject({ empty: true, total: 0 })
    expect([chance, usage, model.calls]).toEqual([{}, { answers: 7 }, 1])
    expect(model.asked[0]).toMatch(/^Profile of the user: red green\n\nAnswer about abstract \d$/)
  })

  it('takes the penalties of length and copied text off', async () => {
    const reward = labelRewardOn({
      config: config({ lengthBudget: 5, maxCopiedNgram: 1 }),
      questions: titles,
      backbone: backbone(),
      users: people(['a', 'b']),
      seed: 1,
    })
    const { rewards } = await reward.score([group('a', 'red green')], [1, 0], {})
    expect(rewards[0][0]).toMatchObject({ raw: 0.5, length: 1, copied: 1, total: -1.5 })
  })

  it('chooses among the labels for ratings and choices', async () => {
    const questions = split(3, [
      ['a', '5'],
      ['b', '2'],
    ])
    const users = people(['a', 'b'])
    const reward = labelRewardOn({ config: config(), questions, backbone: backbone(), users, seed: 1 })
    const { rewards } = await reward.score([group('a', 'gives 5', 'gives 4'), group('b', 'gives 5')], [1, 0], {})
    expect(rewards.flat().map(({ terms }) => terms.labels)).toEqual([1, 0.75, 0.25])
  })

  it('asks at most maxQuestions, the same ones every time', async () => {
    const questions = split(
      5,
      [...Array(9).keys()].map((i) => ['a', `gold ${i}`]),
    )
    const ask = async (seed: number) => {
      const model = backbone()
      const inputs = { config: config({ maxQuestions: 3 }), questions, backbone: model, users: people(['a']), seed }
      await labelRewardOn(inputs).score([group('a', 'x')], [1, 0], {})
      return model.asked
    }
    const first = await ask(1)
    expect(first).toHaveLength(3)
    expect(await ask(1)).toEqual(first)
    const others = await Promise.all([2, 3, 4].map(ask))
    expect(others.some((asked) => asked.join() !== first.join())).toBe(true)
  })

  it('does not ask what the items of a later question may answer: the generator has read them all', async () => {
    const item = (title: string) => ({ id: title, fields: { title } })
    const growing = split(5, [
      ['a', 'early gold'],
      ['a', 'late gold'],
    ])
    const questions = growing.questions.map((question, i) => ({
      ...question,
      items: [item('x'), item('early gold')].slice(0, i + 1),
    }))
    const model = backbone()
    const inputs = { config: config(), backbone: model, users: people(['a']), seed: 1 }
    const reward = labelRewardOn({ ...inputs, questions: { ...growing, questions } })
    const { rewards } = await reward.score([group('a', 'early gold', 'late gold')], [1, 0], {})
    expect(rewards[0].map(({ terms }) => terms.labels)).toEqual([0.5, 1])
    expect(model.asked).toHaveLength(2)
  })

  it('scores validation users, and test users on all their questions, before against after', async () => {
    const users = people(['b'], ['a'], ['t', 'u', 'nobody'])
    const testQuestions = split(5, [
      ['t', 'red'],
      ['u', 'blue'],
      ['stranger', 'grey'],
    ])
    const reward = labelRewardOn({
      config: config(),
      questions: titles,
      testQuestions,
      backbone: backbone(),
      users,
      seed: 1,
    })
    expect(await reward.evaluate?.([{ id: 'a', heldOut: [], history: [], rollouts: [] }], ['blue'], {})).toEqual({
      score: 0.5,
      metrics: { labels: 0.5, score: 0.5 },
    })
    const profiles = { before: ['x', 'blue', 'x'], after: ['red', 'blue', 'x'] }
    const compared = await reward.compareTask?.(users.test, profiles, {})
    expect(compared).toMatchObject({ task: 'LaMP-5', users: 2, questions: 2 })
    expect(compared?.before.rouge1.mean).toBe(0.5)
    expect(compared?.after.rouge1.mean).toBe(1)
    expect(compared?.difference.rougeL.mean).toBe(0.5)
    expect(await reward.compareTask?.([{ id: 'nobody' }], { before: ['x'], after: ['y'] }, {})).toBeNull()
  })

  it('refuses withheld golds and users without a question, naming them', () => {
    const make = (questions: LampSplit, users: UserSplit) => () =>
      labelRewardOn({ config: config(), questions, backbone: backbone(), users, seed: 1 })
    expect(make({ ...titles, golds: undefined }, people(['a']))).toThrow(
      /train_questions\.json: its golds are withheld/,
    )
    expect(make(titles, people(['a', 'zoe'], ['yan']))).toThrow(/2 of 3 users have no question.*zoe, yan/)
  })
})
