// What an evaluation must know of the trainings that it builds on, a generator's or an adapter's: whether its users
// were in them, and whether an adapter was trained with other prompts than it is asked with.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { isRunFolder, readRunHeader, readRunUsers } from '../run/read.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { type Condition, profileKindOf } from './conditions.ts'
import { DEFAULT_BUDGET } from './run.ts'

/**
 * Notes for the table about which of `users` were in the training of the generator's run and of the adapters (of an
 * adapter that another tool made that is not known). Throws BumpError with their ids where a training learned from some
 * of them or chose its checkpoint by them, unless `allowed`.
 */
export function checkSeenUsers(
  users: readonly string[],
  { run, adapters }: { run?: string; adapters: readonly string[] },
  allowed: boolean,
): string[] {
  return [...new Set([...(run === undefined ? [] : [run]), ...adapters])].flatMap((folder) => {
    if (folder !== run && !isRunFolder(folder))
      return [`${folder} does not say which users it trained on: whether these are among them is not known.`]
    const { train, validation } = readRunUsers(folder)
    const trained = new Set([...train, ...validation])
    const seen = [...new Set(users)].filter((user) => trained.has(user))
    if (seen.length === 0) return []
    if (allowed)
      return [
        `Seen users: ${seen.length} of these users were in the training of ${folder} (in LaMP's time split this is by design).`,
      ]
    throw new BumpError(
      'lamp-unusable',
      `${seen.length} of the users to evaluate were in the training of ${folder}: ${few(seen, 10)}. Their scores would not measure unseen people. Evaluate another split, or, where it is meant (LaMP's time split has the same users), permit it (seenUsers, --seen-users).`,
    )
  })
}

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
  generator?: string
}

/** One note where the run of bump sft in `adapter` had other prompts than `asked`; none for adapters made elsewhere. */
export function adapterNotes(adapter: string, asked: AskedPrompts): string[] {
  const { task, condition, items, budget = DEFAULT_BUDGET, text, generator } = asked
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
    !showsProfile || trained.profiles !== undefined || generator === undefined || resolve(by) === resolve(generator)
      ? ''
      : `with profiles by ${by}`,
  ].filter((part) => part !== '')
  return differs.length === 0 ? [] : [`${condition} after SFT: ${adapter} was trained ${differs.join(', ')}.`]
}
