// Profiles of one shard of the users, however many: the users pass by in the order of their ids, beside the profiles of
// the last pass, and what is there already is kept. Memory holds what one call of the writer needs.
import type { Shard } from '../logs/shards.ts'
import { CancelledError } from '../util/errors.ts'
import { historyDigest } from './cache.ts'
import type { ProfiledUser } from './profile-users.ts'
import type { ProfileWriter } from './profile-writer.ts'
import { compareIds, type PassSource, ShardFolder, type ShardProfile } from './shard-folder.ts'

export interface ProfileShardOptions {
  /** Folder of all shards. */
  out: string
  shard: Shard
  source: PassSource
  signal?: AbortSignal
  /** Called now and then with the users done so far, about, and how many of them were there already. */
  onProgress?: (done: number, cached: number) => void
}

/** Lines that are collected before they are written on, where few of them are missing. */
const LINES_AT_ONCE = 4096

/**
 * A line of the pass: one that is there already, of a user of these logs or of another, or one to be written in the place
 * of an old one.
 */
type Line = { known: ShardProfile; isOther: boolean } | { user: ProfiledUser; history: string; old?: ShardProfile }

/**
 * Writes the profiles of a shard's users, who come in the order of their ids' bytes. Profiles of users who do not come
 * are kept, and of users of whom the writer has none; the next call asks for these again. Returns how many profiles the
 * shard then has, and how many users were written of. Killed at any moment, the same call goes on and leaves the same
 * bytes as one that was not. Throws what `ShardFolder.open` and the writer throw.
 */
export async function profileShard(
  users: AsyncIterable<ProfiledUser> | Iterable<ProfiledUser>,
  writer: ProfileWriter,
  { out, shard, source, signal, onProgress }: ProfileShardOptions,
): Promise<{ profiles: number; written: number }> {
  const folder = ShardFolder.open(out, shard, source)
  try {
    if (folder.finished) return { profiles: folder.profiles, written: 0 }
    let [done, cached, unanswered] = [0, 0, 0]
    let lines: Line[] = []
    const flush = async (): Promise<void> => {
      if (signal?.aborted) throw new CancelledError()
      const missing = lines.flatMap((line) => ('user' in line ? [line.user] : []))
      const onShare = (share: number) => onProgress?.(done + Math.floor(share * missing.length), cached)
      const written = missing.length > 0 ? await writer.write(missing, { signal, onProgress: onShare }) : []
      let next = 0
      const complete = (line: Line): ShardProfile | [] => {
        if ('known' in line) return line.known
        const { user, profile, tokens } = written[next++]
        if (profile === undefined) {
          unanswered++
          return line.old ?? []
        }
        return { user, profile, generator: source.generator, history: line.history, tokens: tokens.profile }
      }
      folder.append(lines.flatMap(complete), unanswered > 0)
      done += missing.length
      lines = []
      onProgress?.(done, cached)
    }
    const onKnown = (): void => {
      done++
      cached++
    }
    let missing = 0
    for await (const line of merged(afterLast(users, folder.last, onKnown), folder.before(), source.generator)) {
      lines.push(line)
      if ('user' in line) missing++
      else if (!line.isOther) onKnown()
      if (missing < writer.usersAtOnce && lines.length < LINES_AT_ONCE) continue
      await flush()
      missing = 0
    }
    await flush()
    folder.finish()
    return { profiles: folder.profiles, written: done - cached - unanswered }
  } finally {
    folder.close()
  }
}

/** The users behind `last`, of whom an interrupted pass has no lines; `onBefore` is called for each of the others. */
async function* afterLast(
  users: AsyncIterable<ProfiledUser> | Iterable<ProfiledUser>,
  last: string | undefined,
  onBefore: () => void,
): AsyncGenerator<ProfiledUser> {
  for await (const user of users)
    if (last === undefined || compareIds(user.id, last) > 0) yield user
    else onBefore()
}

/** Users and profiles, both in order of the users' ids, as lines in that order. */
async function* merged(
  users: AsyncIterable<ProfiledUser>,
  profiles: Iterator<ShardProfile>,
  generator: string,
): AsyncGenerator<Line> {
  let profile = profiles.next()
  for await (const user of users) {
    for (; !profile.done && compareIds(profile.value.user, user.id) < 0; profile = profiles.next())
      yield { known: profile.value, isOther: true }
    const known = !profile.done && profile.value.user === user.id ? profile.value : undefined
    if (known) profile = profiles.next()
    const history = historyDigest(user.history)
    const isCurrent = known?.generator === generator && known.history === history
    yield isCurrent ? { known, isOther: false } : { user, history, old: known }
  }
  for (; !profile.done; profile = profiles.next()) yield { known: profile.value, isOther: true }
}
