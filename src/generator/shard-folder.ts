// The profiles of one shard of the users, as a folder that a killed process goes on in:
//
//   shard-3-of-16/manifest.json    the last complete pass over the logs: its parts, in order of the users' ids
//   shard-3-of-16/pass-1/part-…    JSON Lines, one profile each
//   shard-3-of-16/progress.json    only while a pass is under way: how far its parts are complete
//
// A pass writes all its parts anew beside those of the last one, which a reader of the manifest sees until the new
// manifest takes the old one's place.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { Shard } from '../logs/shards.ts'
import { BumpError } from '../util/errors.ts'
import { sha256, writeFileAtomic } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'
import { entrySchema } from './cache.ts'

/** Profiles from which on a part is complete. */
const PART_PROFILES = 10_000

/** A line of a part: without a time, so that equal logs and generators give equal bytes. */
const lineSchema = entrySchema.omit({ createdAt: true })
export type ShardProfile = z.infer<typeof lineSchema>

const partSchema = z.object({
  file: z.string().regex(/^pass-\d+\/part-\d+\.jsonl$/),
  profiles: z.int().min(1),
  /** Users of the first and the last line. */
  first: z.string(),
  last: z.string(),
  bytes: z.int().min(1),
})

/** What the profiles of a pass follow from. */
const sourceSchema = z.object({
  generator: z.string(),
  /** Digest of the shard's logs. */
  logs: z.string(),
  heldOut: z.number().nullable(),
})
export type PassSource = z.infer<typeof sourceSchema>

const manifestSchema = z.object({
  shard: z.string(),
  pass: z.int().min(1),
  /** Null where the pass lacks profiles, or was interrupted, and the logs or the generator then changed. */
  source: sourceSchema.nullable(),
  profiles: z.int().min(0),
  parts: z.array(partSchema.extend({ sha256: z.string() })),
})
type Manifest = z.infer<typeof manifestSchema>

const progressSchema = manifestSchema.pick({ pass: true, source: true, parts: true }).extend({
  /** The part that is being written; what stands in its file beyond `bytes` is incomplete. */
  open: partSchema.nullable(),
  /** Whether users are missing of whom a profile was asked for. */
  lacking: z.boolean().optional(),
})
type Progress = z.infer<typeof progressSchema>

/** Order of users' ids: that of their bytes, as logs are read. */
export const compareIds = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** The folder of a shard in that of all of them. */
export const shardFolder = (out: string, { index, of }: Shard): string => join(out, `shard-${index}-of-${of}`)

/** A shard's folder held by this process, with the pass that it makes. */
export class ShardFolder {
  private manifest: Manifest | undefined
  private progress: Progress

  private constructor(
    private readonly path: string,
    private readonly shard: Shard,
    private readonly source: PassSource,
    private readonly release: () => void,
  ) {
    this.manifest = read(join(path, 'manifest.json'), manifestSchema)
    const begun = read(join(path, 'progress.json'), progressSchema)
    // What a process left behind that was killed after its last line is of the pass that the manifest has.
    this.progress = begun?.pass === this.nextPass ? begun : this.begin(source)
    this.cutBack()
    if (equal(this.progress.source, source)) return
    if (this.last !== undefined) this.completeWithBefore()
    this.progress = this.begin(source)
  }

  /**
   * Takes the folder of a shard in `out`, both made where they are not there, and goes on with the pass of this source.
   * A pass of another source that was interrupted is completed first, with the profiles before it. Throws BumpError
   * where `out` holds other shards than these, another process has the folder, or its files were changed.
   */
  static open(out: string, shard: Shard, source: PassSource): ShardFolder {
    refuseOtherShards(out, shard)
    const path = shardFolder(out, shard)
    const release = lockFolder(path, 'out folder')
    try {
      return new ShardFolder(path, shard, source, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /** Whether a pass of the very same logs and generator is complete: there is nothing to do. */
  get finished(): boolean {
    return equal(this.manifest?.source, this.source)
  }

  /** Profiles of the last complete pass. */
  get profiles(): number {
    return this.manifest?.profiles ?? 0
  }

  /** The user of the pass's last line; undefined at its start. */
  get last(): string | undefined {
    return (this.progress.open ?? this.progress.parts.at(-1))?.last
  }

  /** Profiles of the last complete pass from where this one stands, in order of the users' ids. */
  *before(): Generator<ShardProfile> {
    const { last } = this
    const isLeft = (id: string) => last === undefined || compareIds(id, last) > 0
    for (const part of this.manifest?.parts ?? [])
      if (isLeft(part.last)) for (const line of this.linesOf(part)) if (isLeft(line.user)) yield line
  }

  /**
   * Adds profiles, which stand in order of the users' ids behind all that are there. `lacking`: some of those that were
   * asked for are not among them.
   */
  append(profiles: readonly ShardProfile[], lacking = false): void {
    if (lacking) {
      this.progress = { ...this.progress, lacking }
      this.save()
    }
    if (profiles.length === 0) return
    const { pass, parts, open } = this.progress
    const file = open?.file ?? `pass-${pass}/part-${String(parts.length).padStart(5, '0')}.jsonl`
    const text = profiles.map((profile) => `${JSON.stringify(profile)}\n`).join('')
    mkdirSync(join(this.path, dirname(file)), { recursive: true })
    appendFileSync(join(this.path, file), text)
    const part = {
      file,
      profiles: (open?.profiles ?? 0) + profiles.length,
      first: open?.first ?? profiles[0].user,
      last: profiles[profiles.length - 1].user,
      bytes: (open?.bytes ?? 0) + Buffer.byteLength(text),
    }
    this.progress = { ...this.progress, open: part }
    if (part.profiles >= PART_PROFILES) this.closePart()
    this.save()
  }

  /** The pass is complete: its manifest takes the place of the last one's, whose parts leave. */
  finish(): void {
    this.commit(this.progress.lacking ? null : this.source)
  }

  /** Gives the folder free for other processes. */
  close(): void {
    this.release()
  }

  private get nextPass(): number {
    return (this.manifest?.pass ?? 0) + 1
  }

  private begin(source: PassSource): Progress {
    return { pass: this.nextPass, source, parts: [], open: null }
  }

  private save(): void {
    writeFileAtomic(join(this.path, 'progress.json'), `${JSON.stringify(this.progress)}\n`)
  }

  private closePart(): void {
    const { parts, open } = this.progress
    if (!open) return
    const digest = sha256(readFileSync(join(this.path, open.file)))
    this.progress = { ...this.progress, parts: [...parts, { ...open, sha256: digest }], open: null }
  }

  private commit(source: PassSource | null): void {
    this.closePart()
    const { pass, parts } = this.progress
    const profiles = parts.reduce((sum, part) => sum + part.profiles, 0)
    const { index, of } = this.shard
    this.manifest = { shard: `${index}/${of}`, pass, source, profiles, parts }
    writeFileAtomic(join(this.path, 'manifest.json'), `${JSON.stringify(this.manifest, undefined, 2)}\n`)
    this.removeRemains()
  }

  /** Takes back what was written after the last complete line, and what no manifest names. */
  private cutBack(): void {
    const { open, pass, parts } = this.progress
    if (open) {
      const file = join(this.path, open.file)
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
      if (size < open.bytes) throw changed(file, 'is shorter than when it was written')
      truncateSync(file, open.bytes)
    }
    this.removeRemains()
    const known = new Set([...parts, ...(open ? [open] : [])].map(({ file }) => basename(file)))
    const folder = join(this.path, `pass-${pass}`)
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      if (!known.has(name)) rmSync(join(folder, name), { recursive: true })
  }

  /** Removes all but the last complete pass and the one under way. */
  private removeRemains(): void {
    const kept = new Set(['lock', 'lock.guard', 'manifest.json', `pass-${this.manifest?.pass}`])
    const underWay = this.manifest?.pass !== this.progress.pass && this.last !== undefined
    if (underWay) for (const name of ['progress.json', `pass-${this.progress.pass}`]) kept.add(name)
    for (const name of readdirSync(this.path)) if (!kept.has(name)) rmSync(join(this.path, name), { recursive: true })
  }

  /** Completes an interrupted pass of another source with the profiles of the pass before it. */
  private completeWithBefore(): void {
    // From here on its users' ids no longer say how far that source's logs were read.
    this.progress = { ...this.progress, source: null }
    this.save()
    let waiting: ShardProfile[] = []
    for (const profile of this.before()) {
      waiting.push(profile)
      if (waiting.length < PART_PROFILES) continue
      this.append(waiting)
      waiting = []
    }
    this.append(waiting)
    this.commit(null)
  }

  /** The lines of a complete part. Throws BumpError where it is not as it was written. */
  private linesOf({ file, bytes, sha256: digest }: Manifest['parts'][number]): ShardProfile[] {
    const path = join(this.path, file)
    const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
    if (content.length !== bytes || sha256(content) !== digest) throw changed(path, 'is not what manifest.json names')
    const lines = content.toString().split('\n').slice(0, -1)
    try {
      return lines.map((line) => lineSchema.parse(JSON.parse(line)))
    } catch {
      throw changed(path, 'has a line that is no profile')
    }
  }
}

const equal = (a: PassSource | null | undefined, b: PassSource): boolean =>
  a?.generator === b.generator && a.logs === b.logs && a.heldOut === b.heldOut

const changed = (file: string, how: string): BumpError =>
  new BumpError('file-unusable', `${file} ${how}: it was changed. Put it back, or name another out folder.`)

/** A file of a shard's folder; undefined where it is not there. */
function read<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BumpError(
      'file-unusable',
      `${path} is none that bump profile writes. Put it back, or name another out folder.`,
      { cause },
    )
  }
}

/** Throws BumpError where `out` is no folder, or its users are divided otherwise: some would stand there twice. */
export function refuseOtherShards(out: string, shard: Shard): void {
  if (!existsSync(out)) return
  if (!statSync(out).isDirectory())
    throw new BumpError('invalid-options', `${out} is a file: shards are written into a folder, name another one`)
  const of = shardsIn(out).find((each) => each !== shard.of)
  if (of !== undefined)
    throw new BumpError(
      'invalid-options',
      `${out} holds profiles in ${of} shards, not in ${shard.of}: give shard as one of ${of}, or name another out folder`,
    )
}

/** Into how many shards the users of each shard in `out` are divided. */
const shardsIn = (out: string): number[] =>
  readdirSync(out)
    .flatMap((name) => /^shard-\d+-of-([1-9]\d*)$/.exec(name)?.[1] ?? [])
    .map(Number)

/**
 * Files with the profiles of all shards in the folder `out`: JSON Lines. Throws BumpError where a shard is missing or
 * was never completed.
 */
export function profileParts(out: string): string[] {
  const [of = 1] = shardsIn(out)
  const shards = Array.from({ length: of }, (_, i) => shardFolder(out, { index: i + 1, of }))
  return shards.flatMap((path) => {
    const manifest = read(join(path, 'manifest.json'), manifestSchema)
    if (!manifest)
      throw new BumpError('file-unusable', `${path} has no complete profiles: finish it with bump profile --out ${out}`)
    return manifest.parts.map(({ file }) => join(path, file))
  })
}
