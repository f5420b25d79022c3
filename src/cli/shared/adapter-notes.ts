// In what an adapter of bump sft was trained otherwise than a row of a LaMP table asks the backbone with it: other prompts
// than those of its training make an adapter look worse than it is. Used by `bump evaluate lamp`.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { Condition } from '../../lamp/conditions.ts'
import { DEFAULT_BUDGET } from '../../lamp/run.ts'
import { readRunHeader } from '../../run/read.ts'

import { profileKindOf } from './lamp-profiles.ts'

const trainedSchema = z.object({
  task: z.number(),
  condition: z.string(),
  items: z.number(),
  budget: z.number().default(DEFAULT_BUDGET),
  text: z.string().optional(),
  backbone: z.string(),
  run: z.string().optional(),
  profiles: z.string().optional(),
})

/** What decides the prompts of a row. */
export interface AskedPrompts {
  task: number
  condition: Condition
  items: number
  budget?: number
  text?: string
  /** Run or model that writes the row's profiles; undefined where it shows none, or those of a file. */
  writer?: string
}

/** One note where the run of bump sft in `adapter` had other prompts than `asked`; none for adapters made elsewhere. */
export function adapterNotes(adapter: string, asked: AskedPrompts): string[] {
  const { task, condition, items, budget = DEFAULT_BUDGET, text, writer } = asked
  if (!existsSync(join(adapter, 'adapter', 'adapter_config.json'))) return []
  const trained = trainedSchema.safeParse(readRunHeader(adapter).config).data
  if (trained === undefined) return []
  const showsItems = ['recent', 'random', 'bm25', 'bump+bm25'].includes(condition)
  const showsProfile = profileKindOf(condition) !== undefined && profileKindOf(trained.condition) !== undefined
  const by = trained.run ?? trained.backbone
  const differs = [
    trained.task === task ? '' : `on task ${trained.task}`,
    trained.condition === condition ? '' : `under the condition ${trained.condition}`,
    trained.items === items || !showsItems ? '' : `with ${trained.items} items`,
    trained.budget === budget ? '' : `with prompts of ${trained.budget} tokens`,
    !showsProfile || trained.text === text
      ? ''
      : `with profiles written from ${trained.text ?? 'the usual text of items'}`,
    !showsProfile || trained.profiles !== undefined || writer === undefined || resolve(by) === resolve(writer)
      ? ''
      : `with profiles by ${by}`,
  ].filter((part) => part !== '')
  return differs.length === 0 ? [] : [`${condition} after SFT: ${adapter} was trained ${differs.join(', ')}.`]
}
