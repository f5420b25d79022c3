// Profiles of the users of a LaMP split, for the conditions that show one: from a file, or written by a run's generator
// (its best checkpoint, or its frozen base for zero-shot profiles) and cached. Used by `bump sft` and `bump evaluate lamp`.
import { join } from 'node:path'
import { cachedProfiles } from '../../evaluate/generated-profiles.ts'
import { readProfileFile } from '../../evaluate/profiles/profile-file.ts'
import { openGenerator } from '../../generator/open.ts'
import type { ProfiledUser } from '../../generator/profile-users.ts'
import { byUser, commonItems } from '../../lamp/histories.ts'
import { LAMP_TEXT_COLUMNS } from '../../lamp/log-format.ts'
import { taskOf } from '../../lamp/tasks.ts'
import type { LampItem, LampSplit } from '../../lamp/types.ts'
import type { LogSource } from '../../logs/types.ts'
import { BumpError } from '../../util/errors.ts'
import { cacheFolder } from '../../util/files.ts'
import type { EngineFlags } from './engine-flags.ts'

/** `bump`: of a trained generator; `zero-shot`: of the untrained one. */
export type ProfileKind = 'bump' | 'zero-shot'

/** Where profiles come from. A file wins over a generator. */
export interface ProfileSource {
  /** Run folder of bump train: its best checkpoint writes `bump` profiles, its frozen base `zero-shot` ones. */
  run?: string
  /** Untrained model for `zero-shot` profiles where there is no run: a folder, a .gguf file or a hub name. */
  model?: string
  /** JSONL files with {user, profile} on each line. */
  files?: Partial<Record<ProfileKind, string>>
}

export interface LampProfilesOptions {
  engine: EngineFlags
  /** Folder of the cache; default: `profiles` in the run's folder, else in bump's cache. */
  folder?: string
  /** What the generator reads of an item; default: the field that its run was trained on, else the task's text. */
  text?: (item: LampItem) => string
  signal?: AbortSignal
  onProgress: (line: string) => void
  /** Called with the profiles done so far, in the place of a line. */
  onWork?: (what: string, done: number, total: number) => void
}

/** User -> profile, for each kind that was asked for. */
export type LampProfiles = Partial<Record<ProfileKind, Map<string, string>>>

/** The kind of profile that a condition of the evaluation shows, if any. */
export function profileKindOf(condition: string): ProfileKind | undefined {
  if (condition === 'zero-shot') return 'zero-shot'
  return ['bump', 'bump+bm25', 'mismatched'].includes(condition) ? 'bump' : undefined
}

/**
 * Profiles of all users of `split`. A generator reads what stands in all questions of its user: an item that only a later
 * question lists may be the answer of an earlier one. A user without such items gets an empty profile, which is said.
 * Throws BumpError where no source is named for a kind, and where a file lacks users of the split.
 */
export async function lampProfiles(
  split: LampSplit,
  kinds: readonly ProfileKind[],
  source: ProfileSource,
  options: LampProfilesOptions,
): Promise<LampProfiles> {
  const profiles: LampProfiles = {}
  for (const kind of kinds) {
    const file = source.files?.[kind]
    if (file !== undefined) profiles[kind] = profilesFromFile(file, split)
  }
  const missing = kinds.filter((kind) => profiles[kind] === undefined)
  if (missing.length > 0) Object.assign(profiles, await generated(split, missing, source, options))
  return profiles
}

async function generated(
  split: LampSplit,
  kinds: readonly ProfileKind[],
  source: ProfileSource,
  { engine, folder, text, signal, onProgress, onWork }: LampProfilesOptions,
): Promise<LampProfiles> {
  const { run } = source
  const model = run === undefined ? source.model : undefined
  if ((run ?? model) === undefined || (run === undefined && kinds.includes('bump')))
    throw new BumpError(
      'invalid-options',
      kinds.includes('bump')
        ? 'BUMP profiles need a generator: name its run by --run (a folder of bump train), or give a file of profiles'
        : 'zero-shot profiles need a generator: name a run by --run (its untrained base writes them), or give a file of profiles',
    )
  const generator = await openGenerator((run ?? model)!, { ...engine, onProgress })
  try {
    const { empty, users } = profiledUsers(split, generator.logs, text)
    if (empty.length > 0) onProgress(`${empty.length} users have no items to write a profile from: theirs is empty`)
    const profiles: LampProfiles = {}
    for (const kind of kinds) {
      const weights = kind === 'bump' ? 'policy' : 'base'
      const found = await cachedProfiles(generator.model, users, {
        settings: generator.settings,
        weights,
        digest: weights === 'policy' ? await generator.model.policyDigest() : generator.model.info.digest,
        folder: folder ?? (run === undefined ? cacheFolder('profiles') : join(run, 'profiles')),
        signal,
        onProgress: (done, total) =>
          onWork ? onWork(`${kind} profiles`, done, total) : onProgress(`${kind} profiles: ${done}/${total} users`),
      })
      for (const user of empty) found.set(user, '')
      profiles[kind] = found
    }
    return profiles
  } finally {
    await generator.model.close()
  }
}

/** The users of a split with the records that their profile is written from, in order of their first question. */
export function profiledUsers(
  split: LampSplit,
  logs?: LogSource,
  text: (item: LampItem) => string = (item) => recordText(item, split, logs),
): { users: ProfiledUser[]; empty: string[] } {
  const all = [...byUser(split.questions)].map(([id, questions]) => ({
    id,
    history: commonItems(questions).map((item) => ({
      text: text(item),
      time: undefined,
      metadata: {},
    })),
  }))
  return {
    users: all.filter(({ history }) => history.length > 0),
    empty: all.filter(({ history }) => history.length === 0).map(({ id }) => id),
  }
}

/**
 * What of an item a run's generator read in training: the text that was named, else of LaMP files the field that logs take
 * it from. Undefined without a run, and where other logs named none.
 */
export function trainedField(item: LampItem, logs?: LogSource): string | undefined {
  if (logs?.text !== undefined) return logs.text
  const lamp = logs?.format === 'lamp' || logs?.paths.every((path) => /_questions\.json(\.gz)?$/.test(path))
  return lamp ? LAMP_TEXT_COLUMNS.find((name) => item.fields[name] !== undefined) : undefined
}

/** A record as the generator met it in training where that was one field of the items, else as the task has it. */
function recordText(item: LampItem, split: LampSplit, logs?: LogSource): string {
  const field = trainedField(item, logs)
  const trained = field === undefined ? undefined : item.fields[field]
  return trained?.trim() ? trained : taskOf(split).interactionText(item)
}

function profilesFromFile(file: string, split: LampSplit): Map<string, string> {
  const found = readProfileFile(file)
  const users = [...new Set(split.questions.map(({ user }) => user))]
  const lacking = users.filter((user) => !found.has(user))
  if (lacking.length > 0)
    throw new BumpError(
      'invalid-options',
      `${file} has no profile for ${lacking.length} of the ${users.length} users of ${split.file} (${lacking.slice(0, 5).join(', ')}): it was written for other data. Write them with: bump profile --run <run> --logs ${split.file} --out ${file}`,
    )
  return new Map(users.map((user) => [user, found.get(user)!.profile]))
}
