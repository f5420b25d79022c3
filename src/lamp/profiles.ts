// Profiles of the users of a LaMP split, for the conditions that show one: from a file, or written by a run's generator
// (its best checkpoint, or its frozen base for zero-shot profiles) and cached.
import { join } from 'node:path'
import { cachedProfiles } from '../evaluate/generated-profiles.ts'
import { readProfileFile } from '../evaluate/profiles/profile-file.ts'
import { serverProfiles } from '../evaluate/profiles/server-profiles.ts'
import { DEFAULT_SETTINGS } from '../generator/config.ts'
import { type OpenGeneratorOptions, openGenerator } from '../generator/open.ts'
import type { AnswerCache } from '../model/answers.ts'
import type { Tokenizer } from '../model/contract.ts'
import { estimatingTokenizer } from '../model/openai/estimate.ts'
import type { TextModel } from '../model/text-model.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { cacheFolder } from '../util/files.ts'
import type { ProfileKind } from './conditions.ts'
import { profiledUsers } from './histories.ts'
import { usersOf } from './split.ts'
import type { LampItem, LampSplit } from './types.ts'

/** Where profiles come from. A file wins over a generator. */
export interface ProfileSource {
  /** Run folder of bump train: its best checkpoint writes `bump` profiles, its frozen base `zero-shot` ones. */
  run?: string
  /** Untrained model for `zero-shot` profiles where there is no run: a folder, a .gguf file or a hub name. */
  model?: string
  /** JSONL files with {user, profile} on each line. */
  files?: Partial<Record<ProfileKind, string>>
}

/** What a generator runs on. */
export type GeneratorEngine = Pick<OpenGeneratorOptions, 'device' | 'threads' | 'memory'>

export interface LampProfilesOptions {
  engine: GeneratorEngine
  /** Folder of the cache; default: `profiles` in the run's folder, else in bump's cache. */
  folder?: string
  /** What the generator reads of an item; default: the field that its run was trained on, else the task's text. */
  text?: (item: LampItem) => string
  signal?: AbortSignal
  /** Lines about the work. */
  onNote?: (line: string) => void
  /** Called with the profiles done so far. */
  onProgress?: (what: string, done: number, total: number) => void
}

/** User -> profile, for each kind that was asked for. */
export type LampProfiles = Partial<Record<ProfileKind, Map<string, string>>>

/**
 * Profiles of all users of `split`. A generator reads what stands in all questions of its user: an item that only a
 * later question lists may be the answer of an earlier one. A user without such items gets an empty profile, which is
 * said. Throws BumpError where no source is named for a kind, and where a file lacks users of the split; CancelledError
 * where the signal aborts (what was written by then is kept).
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
  { run, model }: ProfileSource,
  { engine, folder, text, signal, onNote, onProgress }: LampProfilesOptions,
): Promise<LampProfiles> {
  const from = run ?? (kinds.includes('bump') ? undefined : model)
  if (from === undefined)
    throw new BumpError(
      'invalid-options',
      kinds.includes('bump')
        ? 'BUMP profiles need a trained generator: name its run (run), or a file of profiles (profiles)'
        : 'zero-shot profiles need a generator: name a run (run), whose untrained base writes them, or a file of profiles (profiles)',
    )
  const generator = await openGenerator(run ?? { model: from }, { ...engine, onProgress: onNote, signal })
  try {
    const { empty, users } = profiledUsers(split, generator.logs, text)
    sayEmpty(empty, onNote)
    const profiles: LampProfiles = {}
    for (const kind of kinds) {
      const written = await cachedProfiles(generator.model, users, {
        settings: generator.settings,
        weights: kind === 'bump' ? 'policy' : 'base',
        digest: kind === 'bump' ? generator.weights : generator.model.info.digest,
        folder: folder ?? (run === undefined ? cacheFolder('profiles') : join(run, 'profiles')),
        signal,
        onProgress: (done, total) => onProgress?.(`${kind} profiles`, done, total),
      })
      profiles[kind] = byUser(users, written, empty)
    }
    return profiles
  } finally {
    await generator.close()
  }
}

export interface TextProfilesOptions extends Omit<LampProfilesOptions, 'engine' | 'folder'> {
  /** Of the profiles by content. */
  cache: AnswerCache
  /** Counts the tokens of the history. Default: an estimate. */
  tokenizer?: Tokenizer
}

/**
 * Zero-shot profiles by a text model that is open, such as one on a server. It is asked the prompt of a generator that
 * no run trained. A user of whom it gives none gets an empty profile, which `lacking` says. Throws what `cachedAnswers`
 * throws.
 */
export async function profilesByText(
  split: LampSplit,
  model: TextModel,
  { cache, tokenizer = estimatingTokenizer(), text, signal, onNote, onProgress }: TextProfilesOptions,
): Promise<{ profiles: Map<string, string>; lacking?: string }> {
  const { empty, users } = profiledUsers(split, undefined, text)
  sayEmpty(empty, onNote)
  const { profiles, lacking } = await serverProfiles(model, users, {
    ...DEFAULT_SETTINGS,
    tokenizer,
    cache,
    signal,
    onProgress: (done, total) => onProgress?.('zero-shot profiles', done, total),
  })
  return {
    profiles: byUser(users, profiles, empty),
    lacking: lacking && `${lacking} Theirs is empty; the same command asks for it again.`,
  }
}

function sayEmpty(empty: readonly string[], onNote: LampProfilesOptions['onNote']): void {
  if (empty.length > 0) onNote?.(`${empty.length} users have no items to write a profile from: theirs is empty`)
}

/** User -> profile; empty where none was written. */
function byUser(
  users: readonly { id: string }[],
  profiles: readonly (string | undefined)[],
  empty: readonly string[],
): Map<string, string> {
  return new Map([
    ...users.map(({ id }, u) => [id, profiles[u] ?? ''] as const),
    ...empty.map((user) => [user, ''] as const),
  ])
}

function profilesFromFile(file: string, split: LampSplit): Map<string, string> {
  const found = readProfileFile(file)
  const users = usersOf(split)
  const lacking = users.filter((user) => !found.has(user))
  if (lacking.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `${file} has no profile for ${lacking.length} of the ${users.length} users of ${split.file} (${few(lacking)}): it was written for other data. Write them from ${split.file}.`,
    )
  return new Map(users.map((user) => [user, found.get(user)!.profile]))
}
