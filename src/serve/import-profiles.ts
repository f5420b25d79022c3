// Profiles of `bump profile` into a store, as first versions: what a project had before it was served.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { denialsOf } from '../store/corrections.ts'
import { publishImported } from '../store/import-profile.ts'
import type { Store } from '../store/open.ts'
import { readProject } from '../store/projects.ts'
import { latestTexts } from '../store/sample.ts'
import type { Scope } from '../store/scope.ts'
import { idProblem, wordsProblem } from '../store/text-input.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { parseJson } from '../util/parse-json.ts'
import { sayable } from './worker/writer.ts'

/** Longest profile, in characters. */
const LONGEST = 8000

/** What is read of a line; `bump profile` writes more. */
const lineSchema = z.object({
  user: z.string().refine((id) => idProblem(id) === undefined),
  profile: z.string().refine((text) => text === '' || wordsProblem(text, LONGEST) === undefined),
  generator: z.string().regex(/^[\w.-]{1,64}$/),
})

/** How many lines became a version, and why others did not. */
export interface ImportedProfiles {
  published: number
  /** The user has a version, or had one. */
  there: number
  /** The user has no interactions in the project, or is not to be profiled. */
  unknown: number
  /** Nothing of the text may be said. */
  refused: number
}

/**
 * Publishes the lines of a JSON Lines file, after the same inspection as a text of the worker. Throws BumpError
 * `file-unusable` that names the line which is none, before anything is stored, and CancelledError where `signal`
 * aborts; what was published stays.
 */
export async function importProfiles(
  store: Store,
  scope: Scope,
  file: string,
  signal?: AbortSignal,
): Promise<ImportedProfiles> {
  const { settings } = await readProject(store, scope)
  const result: ImportedProfiles = { published: 0, there: 0, unknown: 0, refused: 0 }
  for (const { user, profile, generator } of linesOf(file)) {
    if (signal?.aborted) throw new CancelledError()
    const own = { ...scope, user }
    const denials = await denialsOf(store.db, own)
    const text = sayable(profile, { denials, allowed: settings.allow }, await latestTexts(store, own))
    if (text === '') result.refused++
    else result[await publishImported(store, own, { text, writer: generator })]++
  }
  return result
}

function linesOf(file: string): z.infer<typeof lineSchema>[] {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    throw new BumpError('file-unusable', `${file} cannot be read: ${(error as Error).message}`)
  }
  return content.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const found = parsed(line)
    if (found !== undefined) return [found]
    throw new BumpError('file-unusable', `${file}:${i + 1} is no line of bump profile: {user, profile, generator}`)
  })
}

function parsed(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(parseJson(line)).data
  } catch {
    return undefined
  }
}
