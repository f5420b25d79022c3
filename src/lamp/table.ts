// The table of a LaMP evaluation: its rows (a condition each, on the backbone as it is or after LoRA-SFT), scored with
// their intervals, the differences that answer the questions one asks of profiles, and what must be known to read the
// numbers. Between run.ts and the report.
import type { ResultDifference, ResultTable } from '../evaluate/result.ts'
import { CONDITION_LABELS, type Condition } from './conditions.ts'
import { compareScores, ratingOf, scoreTable } from './metrics.ts'
import { usersOf } from './split.ts'
import { taskOf } from './tasks.ts'
import type { LampSplit, QuestionScores } from './types.ts'

/** One line of the table. */
export interface LampRow {
  /** `bump`, or `bump+sft` after LoRA-SFT. */
  key: string
  label: string
  condition: Condition
  /** Folder of the adapter, for a row after LoRA-SFT. */
  adapter?: string
}

export interface AnsweredRow extends LampRow {
  /** [question] as the backbone gave them. */
  predictions: string[]
  /** Identity of the backbone that answered. */
  model: string
}

export interface AnsweredRows {
  rows: AnsweredRow[]
  /** Name of the backbone. */
  backbone: string
  /** Items that a prompt with items showed, at most. */
  items: number
  /** Tokens of a prompt, at most. */
  budget: number
  /** 'choice': the likeliest label; 'greedy': free text. */
  decoding: 'choice' | 'greedy'
}

/** Rows of `conditions`, then those after LoRA-SFT, in the order given. */
export function lampRows(
  conditions: readonly Condition[],
  adapted: readonly { condition: Condition; adapter: string }[],
): LampRow[] {
  return [
    ...conditions.map((condition) => ({ key: condition, label: CONDITION_LABELS[condition], condition })),
    ...adapted.map(({ condition, adapter }) => ({
      key: `${condition}+sft`,
      label: `${CONDITION_LABELS[condition]}, after SFT`,
      condition,
      adapter,
    })),
  ]
}

export interface ScoredRow extends AnsweredRow {
  /** [question]; undefined where the golds are withheld. */
  perQuestion?: QuestionScores[]
  /** Share of the answers that are no valid label (no number, for ratings), in [0, 1]; for classification only. */
  unparsable?: number
}

/** Note on sets that are not the benchmark's own. */
export const REBUILT_NOTE = "Rebuilt in LaMP's shape from other sources: not comparable with published LaMP scores."

/** What a condition is compared with, beside no personalisation. */
const COMPARED: Partial<Record<Condition, readonly Condition[]>> = {
  bump: ['zero-shot', 'recent', 'bm25', 'mismatched'],
  'bump+bm25': ['bm25', 'bump'],
}

/**
 * The table, and the rows with their scores by question. Intervals come from a bootstrap over users. Without golds the
 * rows have no values.
 */
export function scoreRows(
  split: LampSplit,
  answered: AnsweredRows,
  notes: readonly string[],
  seed: number,
): { table: ResultTable; scored: ScoredRow[] } {
  const task = taskOf(split)
  const n = split.questions.length
  const users = usersOf(split).length
  const scores = answered.rows.map(({ predictions }) => split.golds && scoreTable(split, predictions, seed))
  const scored = answered.rows.map((row, r) => ({
    ...row,
    perQuestion: scores[r]?.perQuestion,
    unparsable: unparsableShare(split, row.predictions),
  }))
  const table: ResultTable = {
    title: `${split.variant}: ${task.title}`,
    notes: [...ownNotes(split, n, users, answered, scored), ...notes],
    metrics: split.golds ? [...task.metrics] : [],
    rows: answered.rows.map(({ key, label }, r) => ({ condition: key, label, n, values: scores[r]?.values ?? {} })),
    differences: split.golds ? differencesOf(split, answered.rows, seed) : [],
  }
  return { table, scored }
}

function ownNotes(
  split: LampSplit,
  n: number,
  users: number,
  answered: AnsweredRows,
  scored: readonly ScoredRow[],
): string[] {
  const notes: string[] = []
  if (split.golds === undefined)
    notes.push(
      'The golds of this split are withheld: the predictions are written, in the shape that the benchmark takes, and nothing is scored.',
    )
  if (split.rebuilt) notes.push(REBUILT_NOTE)
  notes.push(
    `${n} questions of ${users} users${split.golds ? '; means with 95 % intervals, bootstrap over users; differences are paired' : ''}.`,
    `Backbone: ${answered.backbone}; prompts of at most ${answered.budget} tokens, with ${answered.items} items where the condition shows items.`,
    answered.decoding === 'choice'
      ? 'The answer is the likeliest of the valid labels (constrained choice).'
      : 'Answers are decoded greedily.',
  )
  const shares = scored.filter(({ unparsable }) => unparsable !== undefined)
  if (shares.length > 0)
    notes.push(
      shares.every(({ unparsable }) => unparsable === 0)
        ? 'Unparsable answers: none.'
        : `Unparsable answers: ${shares.map(({ key, unparsable }) => `${key} ${(100 * unparsable!).toFixed(1)} %`).join(', ')}.`,
    )
  return notes
}

/**
 * Rows against no personalisation, BUMP against what it must beat, and each row after LoRA-SFT against itself before.
 */
function differencesOf(split: LampSplit, rows: readonly AnsweredRow[], seed: number): ResultDifference[] {
  const byKey = new Map(rows.map((row) => [row.key, row]))
  return rows.flatMap((row) => {
    const after = row.adapter === undefined ? '' : '+sft'
    const others = ['none', ...(COMPARED[row.condition] ?? [])].map((condition) => `${condition}${after}`)
    if (after !== '') others.push(row.condition)
    return others.flatMap((key) => {
      const other = byKey.get(key)
      if (other === undefined || other === row) return []
      return [{ a: row.key, b: key, values: compareScores(split, row.predictions, other.predictions, seed) }]
    })
  })
}

function unparsableShare(split: LampSplit, predictions: readonly string[]): number | undefined {
  const { labels } = taskOf(split)
  if (labels === undefined || predictions.length === 0) return undefined
  const valid = (answer: string): boolean =>
    split.task === 3 ? ratingOf(answer) !== undefined : labels.includes(answer.trim())
  return predictions.filter((prediction) => !valid(prediction)).length / predictions.length
}
