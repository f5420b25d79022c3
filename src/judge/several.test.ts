import { describe, expect, it } from 'vitest'
import { toyEncoder } from '../model/testing/toy-encoder.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { type AnyJudgeConfigInput, anyJudgeConfigSchema } from './config.ts'
import { createJudges, judgeName } from './judge.ts'
import { judgeKeys } from './several.ts'

const several = (judges: unknown[], more: object = {}) =>
  ({ scorer: 'several', judges, ...more }) as AnyJudgeConfigInput
const likelihood = { scorer: 'likelihood' }
const embedding = { scorer: 'embedding', model: 'toy encoder' }

describe('several judges', () => {
  it('are named and described one by one', () => {
    const config = anyJudgeConfigSchema.parse(several([likelihood, embedding], { combine: 'worst' }))
    const judge = createJudges([toyModel(), toyEncoder()], config)
    expect(judge.name).toBe('worst of likelihood and embedding')
    expect(judgeName(config)).toBe(judge.name)
    expect(judge.describe()).toMatchObject({
      scorer: 'several',
      combine: 'worst',
      judges: [{ scorer: 'likelihood' }, { scorer: 'embedding', name: 'toy encoder', pooling: 'mean' }],
    })
    expect(judgeKeys([likelihood, embedding, likelihood])).toEqual(['likelihood', 'embedding', 'likelihood2'])
  })

  it.each<[string, AnyJudgeConfigInput, RegExp]>([
    ['one judge', several([likelihood]), /name at least two judges/],
    ['a judge twice', several([likelihood, embedding, likelihood]), /two of the judges are the same/],
    ['several in several', several([likelihood, several([likelihood, embedding])]), /scorer/],
    ['an encoder that is missing', several([likelihood, { scorer: 'embedding' }]), /needs an encoder/],
    ['another way to combine', several([likelihood, embedding], { combine: 'best' }), /mean.*worst/],
    ['a model of all', several([likelihood, embedding], { model: 'x' }), /model/],
  ])('refuses %s', (_, input, message) => {
    expect(() => anyJudgeConfigSchema.parse(input)).toThrow(message)
  })

  it('refuses a model of the wrong kind for one of them', () => {
    const config = anyJudgeConfigSchema.parse(several([likelihood, embedding]))
    expect(() => createJudges([toyEncoder(), toyEncoder()], config)).toThrow(/likelihood scorer cannot read with/)
    expect(() => createJudges([toyModel(), toyModel()], config)).toThrow(/needs a sentence encoder/)
  })
})
