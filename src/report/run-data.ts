// A run folder as the report shows it. Only config.json must be there: a run under way, an interrupted one and one with
// damaged files are read as far as they go, with a note for each thing that is missing.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  type ProfileLine,
  profileLineSchema,
  type RolloutLine,
  type RunHeader,
  rolloutLineSchema,
  type Summary,
  summarySchema,
} from '../run/format.ts'
import { readRunHeader } from '../run/read.ts'
import { parseJson } from '../util/parse-json.ts'
import { readJsonLines } from './read-lines.ts'
import { evenly, type Point } from './series.ts'

/** Steps whose rollouts are shown. */
const SHOWN_STEPS = 5

/** One sampled profile; `terms` holds every term of its reward under its name. */
export type Rollout = RolloutLine & { terms: Record<string, number> }
/** One step's rollouts with the highest, the middle and the lowest reward; of equal ones the first of the file. */
export interface RolloutStep {
  step: number
  count: number
  best: Rollout
  median: Rollout
  worst: Rollout
}

/** A run as far as its folder tells. */
export interface RunData {
  /** As shown: unique in a report. */
  name: string
  path: string
  kind: 'grpo' | 'sft'
  header: RunHeader
  /** Series by the metric's name. */
  metrics: ReadonlyMap<string, readonly Point[]>
  summary?: Summary
  /** summary.json of an SFT run: whatever it says. */
  sftSummary?: Record<string, unknown>
  /** Test users, before and after. */
  pairs: ProfileLine[]
  /** Oldest first. */
  rollouts: RolloutStep[]
  /** What the reader of the report must know about the files. */
  notes: string[]
}

/** Reads a run folder. Throws BumpError where `path` is none, or its config.json is damaged. */
export async function readRunData(path: string, name: string): Promise<RunData> {
  const header = readRunHeader(path)
  const kind = header.kind ?? 'grpo'
  const notes: (string | undefined)[] = []
  const { metrics, note } = await readMetrics(join(path, 'metrics.jsonl'))
  notes.push(note)
  if (note === undefined && metrics.size === 0) notes.push('No step is complete yet.')
  const run: RunData = { name, path, kind, header, metrics, pairs: [], rollouts: [], notes: [] }
  const summary = readSummary(join(path, 'summary.json'))
  if (kind === 'sft') run.sftSummary = summary.value
  else if (summary.value !== undefined) {
    run.summary = summarySchema.safeParse(summary.value).data
    if (run.summary === undefined)
      notes.push('summary.json is not what bump train writes: the final measurement is not shown.')
  }
  notes.push(summary.note)
  if (kind === 'grpo') {
    const rollouts = await readRollouts(join(path, 'rollouts.jsonl'), shownSteps(metrics))
    run.rollouts = rollouts.steps
    notes.push(rollouts.note)
    if (existsSync(join(path, 'profiles.jsonl')) || run.summary)
      notes.push(
        await readJsonLines(join(path, 'profiles.jsonl'), (record) => collect(profileLineSchema, record, run.pairs)),
      )
  }
  run.notes = notes.filter((text) => text !== undefined)
  return run
}

/** Whether the run was judged by the worst of several judges: what says nothing then lies below chance, which is that of one. */
export function worstOfJudges({ header: { judge } }: RunData): boolean {
  return judge?.combine === 'worst'
}

async function readMetrics(path: string): Promise<{ metrics: Map<string, Point[]>; note?: string }> {
  const metrics = new Map<string, Point[]>()
  const note = await readJsonLines(path, ({ step, ...values }) => {
    if (typeof step !== 'number') return false
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== 'number') continue
      const points = metrics.get(name)
      if (points) points.push([step, value])
      else metrics.set(name, [[step, value]])
    }
    return true
  })
  return { metrics, note }
}

function readSummary(path: string): { value?: Record<string, unknown>; note?: string } {
  if (!existsSync(path))
    return {
      note: 'There is no summary.json: the run is under way or was interrupted, so it is shown as far as it goes.',
    }
  try {
    return { value: z.record(z.string(), z.unknown()).parse(parseJson(readFileSync(path, 'utf8'))) }
  } catch {
    return { note: 'summary.json is damaged: the final measurement is not shown.' }
  }
}

/** The first step, the last, and others at even distances between them. */
function shownSteps(metrics: ReadonlyMap<string, readonly Point[]>): number[] {
  const steps = (metrics.get('reward') ?? []).map(([step]) => step)
  return evenly(steps, SHOWN_STEPS)
}

async function readRollouts(path: string, wanted: readonly number[]): Promise<{ steps: RolloutStep[]; note?: string }> {
  const byStep = new Map<number, Rollout[]>(wanted.map((step) => [step, []]))
  const note = await readJsonLines(path, (record) => {
    const known = byStep.get(record.step as number)
    return known
      ? collect(rolloutLineSchema, record, known, { terms: rewardTerms(record) })
      : typeof record.step === 'number'
  })
  const steps = [...byStep].flatMap(([step, rollouts]) => {
    if (rollouts.length === 0) return []
    const rewards = rollouts.map(({ reward }) => reward).sort((a, b) => b - a)
    const first = (wanted: number) => rollouts.find(({ reward }) => reward === wanted)!
    const median = first(rewards[Math.floor((rewards.length - 1) / 2)])
    return [{ step, count: rollouts.length, best: first(rewards[0]), median, worst: first(rewards.at(-1)!) }]
  })
  return { steps, note }
}

/** The numbers of a record that are no term of the reward. */
const NO_TERMS = new Set(['step', 'rollout', 'reward', 'tokens', 'advantage'])
const PENALTIES = new Set(['length', 'copied'])

/** The terms of a rollout's reward, as they add up: penalties are below zero. */
function rewardTerms(record: Record<string, unknown>): Record<string, number> {
  const terms: Record<string, number> = {}
  for (const [name, value] of Object.entries(record))
    if (typeof value === 'number' && !NO_TERMS.has(name)) terms[name] = PENALTIES.has(name) ? 0 - value : value
  return terms
}

function collect<T extends object, More extends object>(
  schema: z.ZodType<T>,
  record: unknown,
  into: (T & More)[],
  more = {} as More,
): boolean {
  const { data } = schema.safeParse(record)
  if (data !== undefined) into.push({ ...data, ...more })
  return data !== undefined
}
