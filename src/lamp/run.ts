// A LaMP table: rows (a condition, on the backbone as it is or after LoRA-SFT) answered, scored and written as result
// files. Takes the split of read.ts and the prompts of conditions.ts; metrics.ts scores what comes back.
import { readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type EvaluationResult, evaluationResultSchema } from '../evaluate/result.ts'
import { type AnswerCache, type Ask, askFor, cachedAnswers, promptCharacters } from '../model/answers.ts'
import type { ChatMessage } from '../model/contract.ts'
import type { TextModel } from '../model/text-model.ts'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { parseJson } from '../util/parse-json.ts'
import { type Condition, conditionPrompts } from './conditions.ts'
import { writePredictions } from './outputs.ts'
import { usersOf } from './split.ts'
import { type AnsweredRow, type AnsweredRows, type LampRow, type ScoredRow, scoreRows } from './table.ts'
import { taskOf } from './tasks.ts'
import type { LampSplit } from './types.ts'

/** Tokens of a prompt by default: what the benchmark's own models read. */
export const DEFAULT_BUDGET = 512
/** Room for the chat template's own words. */
const MARKUP_TOKENS = 64

/** A backbone opened for a group of rows. */
export interface OpenedBackbone {
  model: TextModel
  close(): Promise<void>
}

export interface AnswerRowsOptions {
  split: LampSplit
  rows: readonly LampRow[]
  /** User -> profile; needed where a row's condition shows it. */
  zeroShot?: ReadonlyMap<string, string>
  bump?: ReadonlyMap<string, string>
  /** Items that a prompt with items shows. */
  items: number
  /** Tokens of a prompt; default 512, or less where the backbone's context is shorter. */
  budget?: number
  seed: number
  /** Classification in free text, also where the backbone could choose among the labels. */
  freeAnswers: boolean
  cache: AnswerCache
  /** Opens the backbone, with the adapter where one is named. Only one is open at a time. */
  open(adapter: string | undefined): Promise<OpenedBackbone>
  signal?: AbortSignal
  /** Answers known so far, of all rows; `share` of the work done, in [0, 1]. */
  onProgress?: (done: number, total: number, share: number) => void
}

/**
 * Answers all rows: those of the backbone as it is first, then adapter by adapter, each opened once. All rows of one
 * condition have the same prompts. A question that a server cannot answer has no prediction, and why. Throws BumpError
 * where a profile is missing, the budget exceeds the context, or no question is answered.
 */
export async function answerRows(options: AnswerRowsOptions): Promise<AnsweredRows> {
  const { split, rows, cache, signal, onProgress } = options
  const adapters = [undefined, ...new Set(rows.flatMap(({ adapter }) => adapter ?? []))]
  const predictions = new Map<LampRow, Pick<AnsweredRow, 'predictions' | 'unanswered' | 'model'>>()
  const notes = new Set<string>()
  let plan: Plan | undefined
  const before = { prompts: 0, characters: 0 }
  for (const adapter of adapters) {
    const { model, close } = await options.open(adapter)
    try {
      plan ??= planOf(model, options)
      const { prompts, ask, total, characters } = plan
      const group = rows.filter((row) => row.adapter === adapter)
      const asked = group.flatMap(({ condition }) => prompts.get(condition)!)
      const answered = await cachedAnswers(model, asked, ask, cache, {
        signal,
        onProgress: (done) =>
          onProgress?.(before.prompts + done.prompts, total, (before.characters + done.characters) / characters),
      })
      before.prompts += asked.length
      before.characters += charactersOf(asked)
      for (const note of answered.notes) notes.add(note)
      for (const [r, row] of group.entries()) {
        const start = r * split.questions.length
        const own = answered.answers.slice(start, start + split.questions.length)
        const unanswered = Object.fromEntries(
          split.questions.flatMap(({ id }, q) => {
            const why = answered.unanswered.get(start + q)
            return why ? [[id, why.message]] : []
          }),
        )
        predictions.set(row, { predictions: own, unanswered, model: model.identity })
      }
    } finally {
      await close()
    }
  }
  const { backbone, budget, cut, ask } = plan!
  return {
    rows: rows.map((row) => ({ ...row, ...predictions.get(row)! })),
    backbone,
    items: options.items,
    budget,
    cut,
    decoding: ask.type === 'choose' ? 'choice' : 'greedy',
    notes: [...notes],
  }
}

/** What is asked, and how: the same for all rows, whatever adapter answers. */
interface Plan {
  backbone: string
  budget: number
  cut: AnsweredRows['cut']
  ask: Ask
  /** The prompts of every condition that some row has. */
  prompts: Map<Condition, ChatMessage[][]>
  /** Prompts and characters of all rows. */
  total: number
  characters: number
}

function planOf(model: TextModel, options: AnswerRowsOptions): Plan {
  const { split, rows, zeroShot, bump, items, seed } = options
  const task = taskOf(split)
  const { maxTokens } = task
  const budget = promptBudget(model, maxTokens, options.budget)
  const inputs = { items, budget, seed, model, zeroShot, bump }
  const conditions = [...new Set(rows.map(({ condition }) => condition))]
  const prompts = new Map(conditions.map((condition) => [condition, conditionPrompts(split, condition, inputs)]))
  return {
    backbone: model.name,
    budget,
    cut: new Map(conditions.map((condition) => [condition, cutOf(split, prompts.get(condition)!)])),
    ask: options.freeAnswers ? { type: 'generate', maxTokens } : askFor(task, model),
    prompts,
    total: rows.length * split.questions.length,
    characters: rows.reduce((sum, { condition }) => sum + charactersOf(prompts.get(condition)!), 0),
  }
}

/**
 * Tokens of a prompt: what is wanted, else 512 or what the context leaves beside the answer. Throws BumpError
 * (`invalid-options`) where the context has no room for it.
 */
export function promptBudget(model: TextModel, maxTokens: number, wanted: number | undefined): number {
  const most = model.contextLength - maxTokens - MARKUP_TOKENS
  const budget = wanted ?? Math.min(DEFAULT_BUDGET, most)
  if (budget > most || budget < 1)
    throw new BumpError(
      'invalid-options',
      `budget ${budget}: ${model.name} has a context of ${model.contextLength} tokens; with an answer of ${maxTokens} and the chat's own words, a prompt may have ${Math.max(0, most)}`,
    )
  return budget
}

/** How many prompts lack the end of their question. */
function cutOf({ questions }: LampSplit, prompts: readonly ChatMessage[][]): number {
  return questions.filter(({ input }, q) => !prompts[q].at(-1)!.content.endsWith(input.slice(-40))).length
}

function charactersOf(prompts: readonly ChatMessage[][]): number {
  return prompts.reduce((sum, prompt) => sum + promptCharacters(prompt), 0)
}

/** Everything of a result that the answers do not tell. */
export interface LampResultDetails {
  command: string
  seconds: number
  /** Shown under the table, after what the split itself makes necessary. */
  notes: readonly string[]
  seed: number
  settings: Record<string, unknown>
}

/**
 * Scores the rows and writes result.json, predictions/<row>.json in the benchmark's shape, and questions.jsonl with
 * every answer and score. Where the golds are withheld, the predictions are written and nothing is scored.
 */
export function writeLampResult(
  out: string,
  split: LampSplit,
  answered: AnsweredRows,
  details: LampResultDetails,
): EvaluationResult {
  const { table, scored } = scoreRows(split, answered, details.notes, details.seed)
  const result: EvaluationResult = {
    kind: 'lamp',
    createdAt: new Date().toISOString(),
    command: details.command,
    seconds: Math.round(details.seconds * 10) / 10,
    tables: [table],
    settings: {
      task: split.task,
      variant: split.variant,
      rebuilt: split.rebuilt,
      questionsFile: split.file,
      questions: split.questions.length,
      users: usersOf(split).length,
      seed: details.seed,
      backbone: answered.backbone,
      items: answered.items,
      budget: answered.budget,
      decoding: answered.decoding,
      rows: Object.fromEntries(answered.rows.map(({ key, model, adapter }) => [key, { model, adapter }])),
      unparsable: Object.fromEntries(
        scored.flatMap(({ key, unparsable }) => (unparsable === undefined ? [] : [[key, unparsable]])),
      ),
      ...unansweredOf(answered),
      ...details.settings,
    },
  }
  // Answers of an earlier call with other settings would be taken for this one's.
  for (const key of rowsBefore(out)) rmSync(join(out, 'predictions', `${basename(key)}.json`), { force: true })
  for (const { key, predictions } of answered.rows)
    writePredictions(join(out, 'predictions', `${key}.json`), split, predictions)
  writeFileAtomic(join(out, 'questions.jsonl'), questionLines(split, scored))
  writeFileAtomic(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`)
  return result
}

/** Keys of the rows that the folder's result has, if it has one. */
function rowsBefore(out: string): string[] {
  try {
    const { tables } = evaluationResultSchema.parse(parseJson(readFileSync(join(out, 'result.json'), 'utf8')))
    return tables[0].rows.map(({ condition }) => condition)
  } catch {
    return []
  }
}

/** By row, the questions without an answer and why, where there are any. */
function unansweredOf({ rows }: AnsweredRows): { unanswered?: Record<string, Record<string, string>> } {
  const lacking = rows.flatMap(({ key, unanswered }) =>
    Object.keys(unanswered).length > 0 ? [[key, unanswered] as const] : [],
  )
  return lacking.length > 0 ? { unanswered: Object.fromEntries(lacking) } : {}
}

function questionLines(split: LampSplit, rows: readonly ScoredRow[]): string {
  const lines = split.questions.map(({ id, user }, q) => {
    const scores = rows.flatMap(({ key, perQuestion }) => (perQuestion?.[q] ? [[key, perQuestion[q]] as const] : []))
    return JSON.stringify({
      id,
      user,
      gold: split.golds?.[q],
      answers: Object.fromEntries(rows.map(({ key, predictions }) => [key, predictions[q]])),
      scores: scores.length === 0 ? undefined : Object.fromEntries(scores),
    })
  })
  return lines.map((line) => `${line}\n`).join('')
}
