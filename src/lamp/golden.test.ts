// Agreement with rouge_score, scikit-learn and rank_bm25 on the random cases of scripts/golden/lamp-metrics.py.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bm25Scores } from './bm25.ts'
import { scoreTable } from './metrics.ts'
import { rouge1, rougeL } from './rouge.ts'
import { TASKS } from './tasks.ts'
import { splitOf } from './testing/lamp-folder.ts'

type Golden =
  | ['rouge', string, string, number, number]
  | ['labels', number[], number[], number, number]
  | ['ratings', number[], string[], number, number]
  | ['bm25', string[], string, number[]]

const golden: Golden[] = readFileSync(new URL('./golden/lamp-metrics.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))

function cases<K extends Golden[0]>(kind: K): Extract<Golden, [K, ...unknown[]]>[] {
  const found = golden.filter((row): row is Extract<Golden, [K, ...unknown[]]> => row[0] === kind)
  expect(found.length).toBeGreaterThanOrEqual(200)
  return found
}

describe('the metrics agree with their reference implementations', () => {
  it('ROUGE-1 and ROUGE-L: rouge_score', () => {
    for (const [, gold, prediction, one, longest] of cases('rouge')) {
      expect(rouge1(gold, prediction), `${gold} | ${prediction}`).toBeCloseTo(one, 10)
      expect(rougeL(gold, prediction), `${gold} | ${prediction}`).toBeCloseTo(longest, 10)
    }
  })

  it('accuracy and macro-F1: scikit-learn', () => {
    const names = TASKS[2].labels!
    for (const [, golds, predictions, accuracy, f1] of cases('labels')) {
      const split = splitOf(
        2,
        golds.map((label) => names[label]),
        golds.map(() => 'one user'),
      )
      const answers = predictions.map((label) => (label < 0 ? 'something else' : ` ${names[label]}\n`))
      const { values } = scoreTable(split, answers, 1)
      expect(values.accuracy.mean).toBeCloseTo(accuracy, 10)
      expect(values.f1.mean).toBeCloseTo(f1, 10)
    }
  })

  it('MAE and RMSE: scikit-learn', () => {
    for (const [, golds, predictions, mae, rmse] of cases('ratings')) {
      const split = splitOf(
        3,
        golds.map(String),
        golds.map(() => 'one user'),
      )
      const { values } = scoreTable(split, predictions, 1)
      expect(values.mae.mean).toBeCloseTo(mae, 10)
      expect(values.rmse.mean).toBeCloseTo(rmse, 10)
    }
  })

  it('BM25: rank_bm25', () => {
    for (const [, documents, query, scores] of cases('bm25')) {
      const ours = bm25Scores(documents, query)
      expect(ours).toHaveLength(scores.length)
      for (const [i, score] of scores.entries()) expect(ours[i], `${documents[i]} | ${query}`).toBeCloseTo(score, 10)
    }
  })
})
