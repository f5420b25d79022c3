import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareScores, scoreAnswer, scoreTable } from './metrics.ts'
import { TASKS } from './tasks.ts'
import { splitOf } from './testing/lamp-folder.ts'

describe('scores of one answer', () => {
  it('wants the exact label, trimmed and case-sensitive', () => {
    const score = (prediction: string) => scoreAnswer(TASKS[2], 'sci-fi', prediction).accuracy
    expect([' sci-fi\n', 'Sci-fi', 'sci-fi.', '', 'comedy'].map(score)).toEqual([1, 0, 0, 0, 0])
  })

  it('reads a rating as written and never clamps it', () => {
    const error = (gold: string, prediction: string) => scoreAnswer(TASKS[3], gold, prediction).mae
    expect([error('4', '4.0'), error('4', ' 9 '), error('1', '-2'), error('5', '.5'), error('2', '1e1')]).toEqual([
      ...[0, 5, 3, 4.5, 8],
    ])
  })

  it('gives a rating that is no number the worst score for its gold', () => {
    const error = (gold: string, prediction: string) => scoreAnswer(TASKS[3], gold, prediction).mae
    expect(['1', '2', '3', '4', '5'].map((gold) => error(gold, 'five'))).toEqual([4, 3, 2, 3, 4])
    const long = `${'1'.repeat(300_000)} stars`
    for (const text of ['', '4 stars', 'Rating: 4', '４', 'NaN', 'Infinity', '1e999', '4/5', '[4]', '[1].', long])
      expect(error('1', text), text.slice(0, 20)).toBe(4)
  })

  it('compares texts by ROUGE', () => {
    expect(scoreAnswer(TASKS[5], 'a b c', 'c b a')).toEqual({ rouge1: 1, rougeL: expect.closeTo(1 / 3) })
  })
})

describe('scores of a split', () => {
  it('takes macro-F1 over the full label list, with other answers as no label', () => {
    const split = splitOf(2, ['comedy', 'comedy', 'action', 'classic'])
    const { values, perQuestion } = scoreTable(split, ['comedy', 'a comedy', 'comedy', 'classic'], 1)
    // comedy: 1 right, 2 predicted, 2 gold -> 1/2; action 0; classic 1; twelve labels unseen -> 0.
    expect(values.f1.mean).toBeCloseTo(1.5 / 15)
    expect(values.accuracy.mean).toBe(0.5)
    expect(perQuestion.map((scores) => scores.accuracy)).toEqual([1, 0, 0, 1])
  })

  it('falls to chance where the answers are those of other questions', () => {
    const golds = Array.from({ length: 20 }, (_, i) => `notes on subject${i}`)
    const split = splitOf(5, golds)
    expect(scoreTable(split, golds, 1).values).toMatchObject({ rouge1: { mean: 1 }, rougeL: { mean: 1 } })
    const { rouge1, rougeL } = scoreTable(split, [...golds.slice(1), golds[0]], 1).values
    expect([rouge1.mean, rougeL.mean]).toEqual([expect.closeTo(2 / 3), expect.closeTo(2 / 3)])
    const ratings = splitOf(3, ['1', '2', '3', '4', '5'])
    expect(scoreTable(ratings, ['5', '1', '2', '3', '4'], 1).values.mae.mean).toBeCloseTo(8 / 5)
  })

  it('takes the root after the mean for RMSE', () => {
    const { values } = scoreTable(splitOf(3, ['5', '1']), ['4', '4'], 1)
    expect(values.mae.mean).toBe(2)
    expect(values.rmse.mean).toBeCloseTo(Math.sqrt(5))
  })

  it('draws users and not questions', () => {
    // 40 questions of two users, one all right and one all wrong: a draw of users gives 0, 1/2 or 1.
    const golds = Array.from({ length: 40 }, () => '[1]')
    const users = golds.map((_, i) => (i < 20 ? 'a' : 'b'))
    const predictions = golds.map((_, i) => (i < 20 ? '[1]' : '[2]'))
    const byUser = scoreTable(splitOf(1, golds, users), predictions, 1).values.accuracy
    expect(byUser).toEqual({ mean: 0.5, low: 0, high: 1 })
    const byQuestion = scoreTable(splitOf(1, golds), predictions, 1).values.accuracy
    expect(byQuestion.low).toBeGreaterThan(0.2)
    expect(byQuestion.high).toBeLessThan(0.8)
  })

  it('bounds every metric by its interval, and repeats with the seed', () => {
    const golds = ['1', '2', '3', '4', '5', '5']
    fc.assert(
      fc.property(fc.array(fc.constantFrom('1', '3', '5', 'x'), { minLength: 6, maxLength: 6 }), (predictions) => {
        const split = splitOf(3, golds)
        const { values } = scoreTable(split, predictions, 7)
        for (const { mean, low, high } of Object.values(values)) expect(low <= mean && mean <= high).toBe(true)
        expect(scoreTable(split, predictions, 7).values).toEqual(values)
      }),
      { numRuns: 20 },
    )
  })

  it('pairs differences: a minus b on the same draws', () => {
    const split = splitOf(3, ['1', '2', '3', '4', '5', '1', '2', '3'])
    const a = ['1', '2', '3', '4', '5', '1', '2', '3']
    const b = ['2', '3', '4', '5', '6', '2', '3', '4']
    // Every question differs by exactly 1, so the interval has no width although each side's questions vary.
    expect(compareScores(split, a, b, 3)).toEqual({
      mae: { mean: -1, low: -1, high: -1 },
      rmse: { mean: -1, low: -1, high: -1 },
    })
    expect(compareScores(split, b, b, 3).rmse).toEqual({ mean: 0, low: 0, high: 0 })
  })

  it('recomputes macro-F1 and RMSE for the difference in every draw', () => {
    const split = splitOf(2, ['comedy', 'action', 'comedy', 'classic'])
    const [a, b] = [
      ['comedy', 'action', 'action', 'classic'],
      ['action', 'action', 'comedy', 'x'],
    ]
    const difference = compareScores(split, a, b, 5).f1
    const [ofA, ofB] = [scoreTable(split, a, 5).values.f1, scoreTable(split, b, 5).values.f1]
    expect(difference.mean).toBeCloseTo(ofA.mean - ofB.mean)
    expect(difference.low).toBeGreaterThanOrEqual(ofA.low - ofB.high)
    expect(difference.high).toBeLessThanOrEqual(ofA.high - ofB.low)
  })

  it('refuses withheld golds and a wrong number of predictions', () => {
    expect(() => scoreTable({ ...splitOf(1, ['[1]']), golds: undefined }, ['[1]'], 1)).toThrow(/withheld.*dev/)
    expect(() => scoreTable(splitOf(1, ['[1]']), [], 1)).toThrow('0 predictions for 1 questions')
  })
})
