// The tables of a finished evaluation of profiles once more, with means over its runs: from its own files, so that no
// model is opened and nothing is judged.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { parseJson } from '../../util/parse-json.ts'
import { type EvaluationResult, evaluationResultSchema, type ResultTable } from '../result.ts'
import { groupNote, type NamedGroups, namedGroups, type ProfileGroup } from './groups.ts'
import type { PoolSizeScores, RankScores } from './judging.ts'
import { profileTable } from './table.ts'

const rankSchema = z.object({ ndcg: z.number(), mrr: z.number(), recall1: z.number(), gain: z.number() })
const scoresSchema = z.object({
  pools: z.record(z.string(), z.object({ forward: rankSchema, backward: rankSchema })),
})
const userSchema = z.object({
  user: z.string(),
  conditions: z.record(z.string(), scoresSchema.extend({ judges: z.record(z.string(), scoresSchema).optional() })),
})
type UserLine = z.infer<typeof userSchema>

const settingsSchema = z.looseObject({
  seed: z.number(),
  poolSizes: z.array(z.number()).min(1),
  generators: z.record(z.string(), z.looseObject({ run: z.string(), folder: z.string() }).partial()),
  groups: z.record(z.string(), z.array(z.string())).default({}),
})

/**
 * Replaces the groups of the evaluation in `folder` by `groups` and writes its result.json anew; tables that no judge made
 * stay as they are. Throws BumpError where
 * the folder holds no evaluation of profiles, its two files do not belong together, or a group names what is not there.
 */
export function regroupProfiles(folder: string, groups: NamedGroups): EvaluationResult {
  const wrong = (why: string) =>
    new BumpError('evaluation-failed', `${folder} ${why}: name a folder of bump evaluate profiles`)
  const file = join(folder, 'result.json')
  const result = evaluationResultSchema.safeParse(jsonOf(file)).data
  const settings = settingsSchema.safeParse(result?.settings).data
  if (result?.kind !== 'profiles' || !settings) throw wrong('holds no result.json of an evaluation of profiles')
  const users = linesOf(join(folder, 'users.jsonl'))

  const before = Object.keys(settings.groups)
  const conditions = result.tables[0].rows
    .filter(({ condition }) => !before.includes(condition))
    .map(({ condition, label }) => ({ key: condition, label }))
  const labels = new Map(conditions.map(({ key, label }) => [key, label]))
  const found = namedGroups(
    groups,
    conditions.map(({ key }) => {
      const { run, folder } = settings.generators[key] ?? {}
      // A run's name is its best checkpoint; the others go by their keys.
      const names = key.includes('@') ? [] : [run, folder]
      return { key, names: names.filter((name) => name !== undefined) }
    }),
  )
  const old = new Set(before.map((key) => groupNote(oldGroup(result.tables[0], key, settings.groups[key]), labels)))
  const judges = Object.keys(users[0]?.conditions[conditions[0].key]?.judges ?? { only: 0 })
  const sized = judges.flatMap((judge) => settings.poolSizes.map((size) => ({ judge, size })))
  const isJudged = ({ metrics }: ResultTable) => metrics.some(({ key }) => key === 'ndcg_forward')
  const judged = result.tables.filter(isJudged)
  if (sized.length !== judged.length) throw wrong('has other tables than users.jsonl has judges and pools')
  const tables = judged.map((table, t) => {
    const { judge, size } = sized[t]
    const scores = conditions.map(({ key }) =>
      users.map(({ conditions: of, user }) => {
        const judged = of[key]?.judges?.[judge] ?? of[key]
        const pool = judged?.pools[size]
        if (!pool) throw wrong(`has no score of ${key} for ${user} in pools of ${size}`)
        return pool
      }),
    )
    const notes = [...table.notes.filter((note) => !old.has(note)), ...found.map((group) => groupNote(group, labels))]
    const again = { negatives: size, chance: chanceOf(table), scores }
    const { title } = table
    return { ...profileTable(again, conditions, { notes, seed: settings.seed, groups: found }), title }
  })
  const regrouped: EvaluationResult = {
    ...result,
    tables: [...tables, ...result.tables.filter((table) => !isJudged(table))],
    settings: { ...result.settings, groups: Object.fromEntries(found.map(({ key, members }) => [key, members])) },
  }
  writeFileAtomic(file, `${JSON.stringify(regrouped, undefined, 2)}\n`)
  return regrouped
}

function oldGroup({ rows }: ResultTable, key: string, members: readonly string[]): ProfileGroup {
  return { key, members, label: rows.find(({ condition }) => condition === key)?.label ?? key }
}

/** What a random order scores, as the table says. */
function chanceOf({ metrics }: ResultTable): PoolSizeScores['chance'] {
  const of = (side: string): RankScores => {
    const chance = (measure: string) => metrics.find(({ key }) => key === `${measure}_${side}`)?.chance ?? 0
    return { ndcg: chance('ndcg'), mrr: chance('mrr'), recall1: chance('recall1'), gain: chance('gain') }
  }
  return { forward: of('forward'), backward: of('backward') }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new BumpError(
      'evaluation-failed',
      `${file}: cannot be read (${code}). Name a folder of bump evaluate profiles.`,
      {
        cause,
      },
    )
  }
}

function jsonOf(file: string): unknown {
  const text = textOf(file)
  try {
    return parseJson(text)
  } catch (cause) {
    throw new BumpError('evaluation-failed', `${file} is not JSON: the file was changed`, { cause })
  }
}

function linesOf(file: string): UserLine[] {
  return textOf(file)
    .trimEnd()
    .split('\n')
    .map((line, i) => {
      try {
        return userSchema.parse(parseJson(line))
      } catch (cause) {
        throw new BumpError('evaluation-failed', `${file}:${i + 1} holds no scores of a user: the file was changed`, {
          cause,
        })
      }
    })
}
