// Profiles from a JSONL file, as bump profile writes it or any other tool: {user, profile} on each line. Or from the
// folder of parts that bump profile writes for many users.
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { historyDigest } from '../../generator/cache.ts'
import { profileParts } from '../../generator/shard-folder.ts'
import type { User } from '../../logs/types.ts'
import { BumpError } from '../../util/errors.ts'
import { few } from '../../util/few.ts'
import { parseJson } from '../../util/parse-json.ts'

const lineSchema = z.object({
  user: z.string(),
  profile: z.string(),
  /** Digest of the history that it was written from; bump profile writes it. */
  history: z.string().optional(),
})
type FileProfile = z.infer<typeof lineSchema>

/**
 * Every profile of a file or folder, by user; of several for one user, the last. Throws BumpError with the line at
 * fault.
 */
export function readProfileFile(path: string): Map<string, FileProfile> {
  const found = new Map<string, FileProfile>()
  for (const file of isFolder(path) ? profileParts(path) : [path])
    for (const [i, line] of readText(file).split('\n').entries()) {
      if (line.trim() === '') continue
      const profile = parseLine(line)
      if (!profile)
        throw new BumpError(
          'evaluation-failed',
          `${file}:${i + 1} is no profile: each line is a JSON object with user and profile, as bump profile writes them.`,
        )
      found.set(profile.user, profile)
    }
  if (found.size === 0) throw new BumpError('evaluation-failed', `${path} holds no profiles.`)
  return found
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

export interface FileProfiles {
  /** [user] */
  profiles: string[]
  /** Users whose profile is known to be written from another history than the visible one here. */
  otherHistory: number
}

/** The file's profiles of `users`. Throws BumpError with ids where some are missing: it is of another data set. */
export function profilesOf(
  found: ReadonlyMap<string, FileProfile>,
  file: string,
  users: readonly User[],
): FileProfiles {
  const lacking = users.filter(({ id }) => !found.has(id)).map(({ id }) => id)
  if (lacking.length > 0) {
    const all = lacking.length === users.length ? ', so it was written for another data set' : ''
    throw new BumpError(
      'evaluation-failed',
      `${file} has no profile for ${lacking.length} of the ${users.length} users to evaluate${all}: ${few(lacking)}. The file has users such as ${few([...found.keys()].slice(0, 3))}.`,
    )
  }
  const own = users.map(({ id }) => found.get(id)!)
  return {
    profiles: own.map(({ profile }) => profile),
    otherHistory: own.filter(({ history }, u) => history !== undefined && history !== historyDigest(users[u].history))
      .length,
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new BumpError(
      'evaluation-failed',
      `${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`,
      { cause },
    )
  }
}

function parseLine(line: string): FileProfile | undefined {
  try {
    return lineSchema.safeParse(parseJson(line)).data
  } catch {
    return undefined
  }
}
