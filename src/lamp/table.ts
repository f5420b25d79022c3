// The table of a LaMP evaluation: its rows (a condition each, on the backbone as it is or after LoRA-SFT), scored with
// their intervals, the differences that answer the questions one asks of profiles, and what must be known to read the
// numbers. Between run.ts and the report.
import { fewUsersNotes } from '../evaluate/few-users.ts'
import type { ResultDifference, ResultTable } from '../evaluate/result.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { CONDITION_LABELS, type Condition } from './conditions.ts'
import { compareScores, ratingOf, scoreTable } from './metrics.ts'
import { rougeWords } from './rouge.ts'
import { questionsWhere, usersOf } from './split.ts'
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
  /** [question] as the backbone gave them; undefined where it gave none. */
  predictions: (string | undefined)[]
  /** By the id of a question without an answer: why. */
  unanswered: Record<string, string>
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
  /** By condition, how many questions lost their end to that budget. */
  cut: ReadonlyMap<Condition, number>
  /** 'choice': the likeliest label; 'greedy': free text. */
  decoding: 'choice' | 'greedy'
  /** What the backbone said of its answers, such as that it does not decode greedily. */
  notes: readonly string[]
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
  /** [question]; undefined where the golds are withheld, and for questions that some row does not answer. */
  perQuestion?: (QuestionScores | undefined)[]
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
 * rows have no values. A question that some row does not answer is scored in none. Throws BumpError (`server-failed`)
 * where that leaves no question.
 */
export function scoreRows(
  split: LampSplit,
  answered: AnsweredRows,
  notes: readonly string[],
  seed: number,
): { table: ResultTable; scored: ScoredRow[] } {
  const task = taskOf(split)
  const everywhere = split.questions.map((_, q) =>
    answered.rows.every(({ predictions }) => predictions[q] !== undefined),
  )
  const kept = everywhere.every(Boolean) ? split : questionsWhere(split, (_, q) => everywhere[q])
  const n = kept.questions.length
  const missing = unansweredNotes(split, answered.rows, n)
  if (n === 0)
    throw new BumpError(
      'server-failed',
      `no question is answered in all rows, so none can be scored. ${missing.join(' ')}`,
    )
  const rows = answered.rows.map((row) => ({
    ...row,
    answers: row.predictions.filter((answer, q): answer is string => answer !== undefined && everywhere[q]),
  }))
  const scores = rows.map(({ answers }) => kept.golds && scoreTable(kept, answers, seed))
  const place = new Map(kept.questions.map(({ id }, k) => [id, k]))
  const scored = answered.rows.map((row, r) => ({
    ...row,
    perQuestion: scores[r] && split.questions.map(({ id }) => scores[r]!.perQuestion[place.get(id)!]),
    unparsable: unparsableShare(kept, rows[r].answers),
  }))
  const table: ResultTable = {
    title: `${split.variant}: ${task.title}`,
    notes: [...ownNotes(kept, answered, scored), ...missing, ...notes],
    metrics: split.golds ? [...task.metrics] : [],
    rows: rows.map(({ key, label }, r) => ({ condition: key, label, n, values: scores[r]?.values ?? {} })),
    differences: kept.golds ? differencesOf(kept, rows, seed) : [],
  }
  return { table, scored }
}

/** Which questions have no answer, and why: by row. */
function unansweredNotes(split: LampSplit, rows: readonly AnsweredRow[], scored: number): string[] {
  const lacking = rows.flatMap(({ key, unanswered }) => {
    const ids = Object.keys(unanswered)
    return ids.length === 0 ? [] : [`${key} ${ids.length} (${few(ids)}: ${unanswered[ids[0]]})`]
  })
  if (lacking.length === 0) return []
  const all = split.questions.length
  return [
    `Without an answer: ${lacking.join('; ')}. ${all - scored} of ${all} questions are therefore scored in no row; the same command asks them again.`,
  ]
}

function ownNotes(split: LampSplit, answered: AnsweredRows, scored: readonly ScoredRow[]): string[] {
  const n = split.questions.length
  const notes: string[] = []
  if (split.golds === undefined)
    notes.push(
      'The golds of this split are withheld: the predictions are written, in the shape that the benchmark takes, and nothing is scored.',
    )
  if (split.rebuilt) notes.push(REBUILT_NOTE)
  notes.push(
    ...questionNotes(split),
    `Backbone: ${answered.backbone}; prompts of at most ${answered.budget} tokens, with ${answered.items} items where the condition shows items.`,
    ...cutNotes(answered, n),
    answered.decoding === 'choice'
      ? 'The answer is the likeliest of the valid labels (constrained choice).'
      : `Answers are ${answered.notes.length > 0 ? 'free text' : 'decoded greedily'}.`,
    ...answered.notes,
  )
  notes.push(...wordlessNotes(split), ...unparsableNotes(scored.map(({ label, unparsable }) => [label, unparsable])))
  return notes
}

/** How many questions of how many users are scored, and what their intervals are. */
export function questionNotes(split: LampSplit): string[] {
  const users = usersOf(split).length
  const counted = `${split.questions.length} questions of ${users} users`
  if (split.golds === undefined) return [`${counted}.`]
  return [
    `${counted}; means with 95 % intervals, bootstrap over users; differences are paired.`,
    ...fewUsersNotes(users),
  ]
}

/** How many golds ROUGE can see nothing of. */
export function wordlessNotes(split: LampSplit): string[] {
  if (split.golds === undefined || taskOf(split).kind === 'classify') return []
  const wordless = split.golds.filter((gold) => rougeWords(gold).length === 0).length
  if (wordless === 0) return []
  return [
    `${wordless} of ${split.golds.length} golds have no word of a-z and 0-9, and ROUGE counts no others, here as in the benchmark: these questions score 0 whatever is answered.`,
  ]
}

function cutNotes({ cut, budget }: AnsweredRows, n: number): string[] {
  const lost = [...cut].filter(([, count]) => count > 0)
  if (lost.length === 0) return []
  const rows = lost.map(([condition, count]) => `${CONDITION_LABELS[condition]} ${count}`).join(', ')
  return [
    `Questions that lose their end because a prompt has no more than ${budget} tokens, of ${n}: ${rows}. Rows that show a profile or items may lose more than those that do not.`,
  ]
}

/** Of rows by name, the share of answers that are none of the task's labels; undefined where it has none. */
export function unparsableNotes(rows: readonly (readonly [name: string, share: number | undefined])[]): string[] {
  const shares = rows.filter((row): row is readonly [string, number] => row[1] !== undefined)
  if (shares.length === 0) return []
  if (shares.every(([, share]) => share === 0)) return ['Unparsable answers: none.']
  return [`Unparsable answers: ${shares.map(([name, share]) => `${name} ${(100 * share).toFixed(1)} %`).join(', ')}.`]
}

/**
 * Rows against no personalisation, BUMP against what it must beat, and each row after LoRA-SFT against itself before.
 */
function differencesOf(
  split: LampSplit,
  rows: readonly (AnsweredRow & { answers: readonly string[] })[],
  seed: number,
): ResultDifference[] {
  const byKey = new Map(rows.map((row) => [row.key, row]))
  return rows.flatMap((row) => {
    const after = row.adapter === undefined ? '' : '+sft'
    const others = ['none', ...(COMPARED[row.condition] ?? [])].map((condition) => `${condition}${after}`)
    if (after !== '') others.push(row.condition)
    return others.flatMap((key) => {
      const other = byKey.get(key)
      if (other === undefined || other === row) return []
      return [{ a: row.key, b: key, values: compareScores(split, row.answers, other.answers, seed) }]
    })
  })
}

/** Share of answers that are none of the task's labels; undefined where it has none. */
export function unparsableShare(split: LampSplit, predictions: readonly string[]): number | undefined {
  const { labels } = taskOf(split)
  if (labels === undefined || predictions.length === 0) return undefined
  const valid = (answer: string): boolean =>
    split.task === 3 ? ratingOf(answer) !== undefined : labels.includes(answer.trim())
  return predictions.filter((prediction) => !valid(prediction)).length / predictions.length
}
