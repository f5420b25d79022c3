// Scores of LaMP predictions: per question, and over a split with bootstrap intervals. Users are drawn, not questions,
// since questions of one user are alike; macro-F1 and RMSE are no means over questions and are computed anew from every
// draw. The golden figures of golden/lamp-metrics.jsonl hold them to scikit-learn and rouge_score.
import { seedFrom, uniform } from '../util/random.ts'
import { type Interval, mean, quantile } from '../util/stats.ts'
import { rouge1, rougeL } from './rouge.ts'
import { goldsOf } from './split.ts'
import { type LampTask, taskOf } from './tasks.ts'
import type { LampSplit, QuestionScores } from './types.ts'

const RESAMPLES = 2000
const TAIL = 0.025
const UNSCORABLE = 'nothing can be scored: use the dev split'

export interface LampScores {
  /** [question] scores by metric key; RMSE of a question is its absolute error, and macro-F1 has none. */
  perQuestion: QuestionScores[]
  /** Metric key -> value over the split with its 95% interval. */
  values: Record<string, Interval>
}

/**
 * Scores the answer to one question.
 * Choices are trimmed and must equal the gold exactly. A rating is the number as written, unclamped; one that is no
 * number gets the worst score for its gold (5 for gold 3). Texts are compared by ROUGE.
 */
export function scoreAnswer(task: LampTask, gold: string, prediction: string): QuestionScores {
  if (task.number === 3) {
    const wanted = Number(gold)
    const error = Math.abs((ratingOf(prediction) ?? worstRating(wanted)) - wanted)
    return { mae: error, rmse: error }
  }
  if (task.kind === 'classify') return { accuracy: prediction.trim() === gold.trim() ? 1 : 0 }
  return { rouge1: rouge1(gold, prediction), rougeL: rougeL(gold, prediction) }
}

/**
 * Scores of predictions, [question]. Throws a BumpError where the golds are withheld, and a RangeError where the
 * predictions are not as many as the questions.
 */
export function scoreTable(split: LampSplit, predictions: readonly string[], seed: number): LampScores {
  const tallies = tally(split, predictions)
  const draws = new UserDraws(split, seed)
  const values: Record<string, Interval> = {}
  for (const { key } of taskOf(split).metrics)
    values[key] = draws.interval([tallies[key]], ([sums]) => metricOf(key, sums))
  const task = taskOf(split)
  const golds = goldsOf(split, UNSCORABLE)
  return { perQuestion: predictions.map((prediction, i) => scoreAnswer(task, golds[i], prediction)), values }
}

/** Metric key -> value of `a` minus value of `b`, paired: both are measured on the same draws of users. */
export function compareScores(
  split: LampSplit,
  a: readonly string[],
  b: readonly string[],
  seed: number,
): Record<string, Interval> {
  return compareMeans(split, [a], [b], seed)
}

/** Metric key -> its mean over several sets of predictions, such as those of runs with several seeds. */
export function scoreMeans(
  split: LampSplit,
  sets: readonly (readonly string[])[],
  seed: number,
): Record<string, Interval> {
  return compareMeans(split, sets, [], seed)
}

/** As `compareScores`, of the means over several sets; without any in `b`, the mean of `a`. */
export function compareMeans(
  split: LampSplit,
  a: readonly (readonly string[])[],
  b: readonly (readonly string[])[],
  seed: number,
): Record<string, Interval> {
  const tallies = [...a, ...b].map((predictions) => tally(split, predictions))
  const draws = new UserDraws(split, seed)
  const values: Record<string, Interval> = {}
  for (const { key } of taskOf(split).metrics)
    values[key] = draws.interval(
      tallies.map((each) => each[key]),
      (sums) => {
        const of = sums.map((each) => metricOf(key, each))
        return mean(of.slice(0, a.length)) - (b.length > 0 ? mean(of.slice(a.length)) : 0)
      },
    )
  return values
}

/** A rating as written, unclamped; undefined where it is no number (or one whose square is none). */
export function ratingOf(prediction: string): number | undefined {
  const text = prediction.trim()
  const value = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value * value) ? value : undefined
}

/** The label farther from the gold. */
function worstRating(gold: number): number {
  return Math.abs(1 - gold) > Math.abs(5 - gold) ? 1 : 5
}

/**
 * [question][term] what a metric sums over questions. A mean: value and 1. Macro-F1: for each label, whether it was
 * predicted rightly, predicted at all, and the gold.
 */
type Terms = Float64Array[]

function tally(split: LampSplit, predictions: readonly string[]): Record<string, Terms> {
  const golds = goldsOf(split, UNSCORABLE)
  if (predictions.length !== split.questions.length)
    throw new RangeError(`${predictions.length} predictions for ${split.questions.length} questions`)
  const task = taskOf(split)
  const tallies: Record<string, Terms> = {}
  for (const { key } of task.metrics)
    tallies[key] = predictions.map((prediction, i) => {
      if (key === 'f1') return labelTerms(task.labels ?? [], golds[i], prediction)
      const value = scoreAnswer(task, golds[i], prediction)[key]
      return Float64Array.of(key === 'rmse' ? value * value : value, 1)
    })
  return tallies
}

function labelTerms(labels: readonly string[], gold: string, prediction: string): Float64Array {
  const terms = new Float64Array(3 * labels.length)
  const [wanted, given] = [labels.indexOf(gold.trim()), labels.indexOf(prediction.trim())]
  if (wanted >= 0 && wanted === given) terms[3 * wanted] = 1
  if (given >= 0) terms[3 * given + 1] = 1
  if (wanted >= 0) terms[3 * wanted + 2] = 1
  return terms
}

/** The metric from its summed terms. */
function metricOf(key: string, sums: Float64Array): number {
  if (key === 'f1') return macroF1(sums)
  return key === 'rmse' ? Math.sqrt(sums[0] / sums[1]) : sums[0] / sums[1]
}

/** Mean of the labels' F1 over the full list; a label neither predicted nor gold counts as 0, as in scikit-learn. */
function macroF1(sums: Float64Array): number {
  let total = 0
  for (let i = 0; i < sums.length; i += 3) {
    const size = sums[i + 1] + sums[i + 2]
    if (size > 0) total += (2 * sums[i]) / size
  }
  return total / (sums.length / 3)
}

/** Bootstrap over users: equal seeds draw the same users, whatever is measured on them. */
class UserDraws {
  /** [question] index of its user. */
  readonly #userOf: number[]
  readonly #users: number
  readonly #seed: number

  constructor(split: LampSplit, seed: number) {
    const indexOf = new Map<string, number>()
    for (const { user } of split.questions) if (!indexOf.has(user)) indexOf.set(user, indexOf.size)
    this.#userOf = split.questions.map(({ user }) => indexOf.get(user)!)
    this.#users = indexOf.size
    this.#seed = seedFrom('lamp-bootstrap', seed)
  }

  /** Interval of a statistic of the summed terms, [set] of one or two sets of predictions. */
  interval(sets: readonly Terms[], statistic: (sums: Float64Array[]) => number): Interval {
    const byUser = sets.map((terms) => this.#sumByUser(terms))
    const everyone = byUser.map((users) => sumOf(users, Array.from(users.keys())))
    const next = uniform(this.#seed)
    const values = new Float64Array(RESAMPLES)
    for (let r = 0; r < RESAMPLES; r++) {
      const drawn = Array.from({ length: this.#users }, () => Math.floor(next() * this.#users))
      values[r] = statistic(byUser.map((users) => sumOf(users, drawn)))
    }
    return { mean: statistic(everyone), low: quantile(values, TAIL), high: quantile(values, 1 - TAIL) }
  }

  #sumByUser(terms: Terms): Terms {
    const sums = Array.from({ length: this.#users }, () => new Float64Array(terms[0].length))
    for (const [i, own] of terms.entries()) add(sums[this.#userOf[i]], own)
    return sums
  }
}

function sumOf(users: Terms, drawn: readonly number[]): Float64Array {
  const sums = new Float64Array(users[0].length)
  for (const user of drawn) add(sums, users[user])
  return sums
}

function add(sums: Float64Array, terms: Float64Array): void {
  for (let i = 0; i < terms.length; i++) sums[i] += terms[i]
}
