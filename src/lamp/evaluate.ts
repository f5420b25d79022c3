// An evaluation on a LaMP task, from the folder of its files to the folder of results: the same questions put to one
// backbone under several conditions (run.ts), with the profiles that these show (profiles.ts) and the notes that a
// reader of the table needs. Predictions of other systems are scored here too.
import { readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { EvaluationResult } from '../evaluate/result.ts'
import { AnswerCache } from '../model/answers.ts'
import type { Quantize } from '../model/contract.ts'
import { bestCheckpoint, readRunHeader } from '../run/read.ts'
import { trainConfigSchema } from '../train/config.ts'
import { BumpError } from '../util/errors.ts'
import { sha256, writeFileAtomic } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'
import { CONDITIONS, type Condition, type ProfileKind, profileKindOf } from './conditions.ts'
import { itemText, questionsOfAllItems, trainedField } from './histories.ts'
import { compareMeans, scoreMeans } from './metrics.ts'
import { readPredictions } from './outputs.ts'
import {
  type GeneratorEngine,
  type LampProfiles,
  lampProfiles,
  type ProfileSource,
  profilesByText,
} from './profiles.ts'
import { type LampSplitName, readLamp } from './read.ts'
import { answerRows, type OpenedBackbone, writeLampResult } from './run.ts'
import { byUser, goldsOf, sampleQuestions, usersOf } from './split.ts'
import { lampRows, questionNotes, REBUILT_NOTE, unparsableNotes, unparsableShare, wordlessNotes } from './table.ts'
import { taskOf } from './tasks.ts'
import { adapterNotes, checkSeenUsers } from './training-notes.ts'
import type { LampSplit, LampTaskNumber } from './types.ts'

/** Which questions are asked. */
interface LampQuestionsOptions {
  /** Folder of the downloaded files. */
  data: string
  task: LampTaskNumber
  split: LampSplitName
  /** Permits the old task 2, news categories. */
  oldNews?: boolean
  /** About so many questions: whole users, drawn by the seed. Default: all. */
  questions?: number
}

export interface EvaluateLampOptions extends LampQuestionsOptions {
  /** Default: all conditions for which profiles can be had. */
  conditions?: readonly Condition[]
  /** Rows after LoRA-SFT: a condition, and the adapter that the backbone has. */
  sft: readonly { condition: Condition; adapter: string }[]
  /** Adapter that the backbone has in all other rows. */
  adapter?: string
  /** The backbone where it is a model on this machine; absent for a server's. */
  localBackbone?: string
  /** Integers that it is read in, for the record. */
  quantize?: Quantize
  /** Opens the backbone with this adapter, or with `adapter` where none is named; answerRows closes it. */
  openBackbone(adapter: string | undefined): Promise<OpenedBackbone>
  /** Run of bump train: its best checkpoint writes the bump profiles, and its untrained base the zero-shot ones. */
  run?: string
  /** File of bump profiles instead. */
  profiles?: string
  /** Model that writes the zero-shot profiles; default: the base of `run`, else the backbone. */
  zeroShotModel?: string
  /** What a generator reads of an item (`itemText`); default: as its run was trained, else the task's text. */
  text?: string
  /** What generators run on. */
  engine: GeneratorEngine
  /** Items in a prompt that shows items. */
  items: number
  /** Tokens of a prompt; default 512, or what the context allows. */
  budget?: number
  /** Of sampled questions, random items and intervals. */
  seed: number
  /** Classification in free text, also where labels could be chosen. */
  freeAnswers?: boolean
  /** Permits users of the trainings that the evaluation builds on. */
  seenUsers?: boolean
  /** Folder of the results; profiles and answers are kept there by content, so that the same call goes on. */
  out: string
  /** The command line that made the result, which records it. */
  command: string
  signal?: AbortSignal
  /** Lines about the work. */
  onNote?: (line: string) => void
  /** What is done of a piece of work; `share` in [0, 1] of its effort where the pieces are not alike. */
  onProgress?: (what: string, done: number, total: number, share?: number) => void
}

/**
 * Answers a LaMP task under all conditions and writes the result to `out` (`writeLampResult`). Throws BumpError where
 * the questions, the profiles, an adapter or the backbone cannot be used, where users were in a training, and where
 * another process writes to `out`; CancelledError where the signal aborts, what was answered by then being kept.
 */
export async function evaluateLamp(options: EvaluateLampOptions): Promise<EvaluationResult> {
  const { sft, seed, out, signal, onNote } = options
  const started = performance.now()
  const rows = lampRows(options.conditions ?? possibleConditions(options), sft)
  const { whole, split } = questionsOf(options)
  const users = usersOf(split)
  if (options.localBackbone === undefined && sft.length > 0)
    throw new BumpError(
      'invalid-options',
      "rows after SFT (sft) need a backbone on this machine: load the adapter on the server, and name the server's model",
    )
  const adapters = [options.adapter, ...sft.map(({ adapter }) => adapter)].flatMap((adapter) => adapter ?? [])
  const seen = checkSeenUsers(users, { run: options.run, adapters }, options.seenUsers ?? false)
  const kinds = [...new Set(rows.flatMap((row) => profileKindOf(row.condition) ?? []))]
  if (kinds.length === 0 && options.text !== undefined)
    throw new BumpError(
      'invalid-options',
      'text does nothing here: it says what a generator reads, and no row shows a profile. Leave it out',
    )
  const notes = [
    ...sampleNotes(split, whole, seed),
    ...(options.quantize === 'int8' ? ['The backbone is read in 8 bits.'] : []),
    ...profileNotes(kinds, split, options),
    ...sft.flatMap((row) => notesOfAdapter(row, options)),
    ...seen,
  ]
  const release = lockFolder(out, 'folder of results')
  try {
    onNote?.(`${split.variant}: ${split.questions.length} questions of ${users.length} users, ${rows.length} rows`)
    for (const note of notes) onNote?.(note)
    const cache = new AnswerCache(join(out, 'answers.jsonl'))
    const { profiles, lacking } = await profilesOf(split, kinds, cache, options)
    if (lacking !== undefined) onNote?.(lacking)
    const answered = await answerRows({
      split,
      rows,
      zeroShot: profiles['zero-shot'],
      bump: profiles.bump,
      items: options.items,
      budget: options.budget,
      seed,
      freeAnswers: options.freeAnswers ?? false,
      cache,
      open: options.openBackbone,
      signal,
      onProgress: (done, total, share) => options.onProgress?.('answers', done, total, share),
    })
    return writeLampResult(out, split, answered, {
      command: options.command,
      seconds: (performance.now() - started) / 1000,
      notes: lacking === undefined ? notes : [...notes, lacking],
      seed,
      settings: { quantize: options.quantize, profiles: originOfProfiles(kinds, answered.backbone, options) },
    })
  } finally {
    release()
  }
}

/** All questions of the split, and those that are asked. */
function questionsOf(options: LampQuestionsOptions & { seed: number }): { whole: LampSplit; split: LampSplit } {
  const whole = readLamp(options.data, options)
  const { questions, seed } = options
  return { whole, split: questions === undefined ? whole : sampleQuestions(whole, questions, seed) }
}

/** All conditions for which profiles can be had. */
function possibleConditions({ run, profiles }: EvaluateLampOptions): Condition[] {
  return CONDITIONS.filter((condition) => profileKindOf(condition) !== 'bump' || (run ?? profiles) !== undefined)
}

/** Where the profiles of a kind come from; undefined where the backbone on a server writes them. */
function sourceOf(kind: ProfileKind, options: EvaluateLampOptions): ProfileSource | undefined {
  const { run, profiles, zeroShotModel, localBackbone } = options
  if (kind === 'bump') {
    if (profiles !== undefined) return { files: { bump: profiles } }
    if (run !== undefined) return { run }
    throw new BumpError(
      'invalid-options',
      'bump profiles need a trained generator: name its run (run), or a file of bump profile (profiles)',
    )
  }
  if (zeroShotModel !== undefined) return { model: zeroShotModel }
  if (run !== undefined) return { run }
  return localBackbone === undefined ? undefined : { model: localBackbone }
}

/** The profiles of all kinds, and of whom a server gave none; a run that writes both kinds is opened once. */
async function profilesOf(
  split: LampSplit,
  kinds: readonly ProfileKind[],
  cache: AnswerCache,
  options: EvaluateLampOptions,
): Promise<{ profiles: LampProfiles; lacking?: string }> {
  const text = options.text === undefined ? undefined : itemText(options.text, split)
  const bySource = new Map<string, { kinds: ProfileKind[]; source?: ProfileSource }>()
  for (const kind of kinds) {
    const source = sourceOf(kind, options)
    const key = JSON.stringify(source ?? {})
    bySource.set(key, { kinds: [...(bySource.get(key)?.kinds ?? []), kind], source })
  }
  const { signal, onNote, onProgress } = options
  const writing = { text, signal, onNote, onProgress }
  const profiles: LampProfiles = {}
  let lacking: string | undefined
  for (const { kinds, source } of bySource.values()) {
    if (source) {
      const local = { ...writing, engine: options.engine, folder: join(options.out, 'profiles') }
      Object.assign(profiles, await lampProfiles(split, kinds, source, local))
      continue
    }
    const { model, close } = await options.openBackbone(undefined)
    try {
      const served = await profilesByText(split, model, { ...writing, cache })
      profiles['zero-shot'] = served.profiles
      lacking = served.lacking
    } finally {
      await close()
    }
  }
  return { profiles, lacking }
}

function sampleNotes(split: LampSplit, whole: LampSplit, seed: number): string[] {
  const [asked, all] = [split.questions.length, whole.questions.length]
  return asked < all ? [`A sample: ${asked} of the ${all} questions, whole users, drawn with seed ${seed}.`] : []
}

function profileNotes(kinds: readonly ProfileKind[], split: LampSplit, options: EvaluateLampOptions): string[] {
  const { run, profiles, zeroShotModel, text } = options
  const notes: string[] = []
  if (kinds.includes('bump') && profiles !== undefined)
    notes.push(
      `BUMP profiles are those of ${profiles}: whether their generator was trained on these users is not known.`,
    )
  const growing = [...byUser(split.questions).values()].filter((own) => questionsOfAllItems(own).length < own.length)
  if (kinds.includes('bump') && profiles !== undefined && growing.length > 0)
    notes.push(
      `${growing.length} users have questions with further items than earlier ones: a profile in ${profiles} that was written from all of them may hold answers, and its scores are too high then. Profiles that a run writes hold none.`,
    )
  if (kinds.includes('zero-shot') && zeroShotModel !== undefined && run !== undefined)
    notes.push(`Zero-shot profiles are written by ${zeroShotModel}, not by the base of ${run}.`)
  const logs = run === undefined ? undefined : trainConfigSchema.safeParse(readRunHeader(run).config).data?.logs
  const unread = split.questions.some(({ items }) =>
    items.some((item) => item.fields[trainedField(item, logs) ?? ''] === undefined),
  )
  if (kinds.length > 0 && text === undefined && logs !== undefined && unread)
    notes.push(
      `${run} was trained on the text ${logs.text ?? 'of its logs'}, which is no field of these items: its generator reads them as the task has them. Name what it reads by text.`,
    )
  return notes
}

/** In what the adapter of a row was trained otherwise than the row asks. */
function notesOfAdapter(
  { condition, adapter }: EvaluateLampOptions['sft'][number],
  options: EvaluateLampOptions,
): string[] {
  const { task, items, budget, text } = options
  const kind = profileKindOf(condition)
  const source = kind && sourceOf(kind, options)
  return adapterNotes(adapter, { task, condition, items, budget, text, generator: source?.run ?? source?.model })
}

/** Where the profiles of each kind came from, as the result records it. */
function originOfProfiles(
  kinds: readonly ProfileKind[],
  backbone: string,
  options: EvaluateLampOptions,
): Record<string, unknown> {
  return Object.fromEntries(
    kinds.map((kind) => {
      const { run, model = backbone, files } = sourceOf(kind, options) ?? {}
      if (files?.bump !== undefined) return [kind, { file: files.bump, digest: sha256(readFileSync(files.bump)) }]
      if (run === undefined) return [kind, { model, text: options.text }]
      const { name, digest } = readRunHeader(run).model
      const step = kind === 'bump' ? bestCheckpoint(run) : undefined
      return [kind, { run, step, model: name, digest, text: options.text }]
    }),
  )
}

export interface ScorePredictionsOptions extends LampQuestionsOptions {
  /** Rows of means, by name: two or more of the files, such as those of runs with several seeds. */
  groups?: Readonly<Record<string, readonly string[]>>
  /** Of sampled questions and intervals. */
  seed: number
  /** Folder for result.json; default: it is not written. */
  out?: string
  /** The command line that made the result, which records it. */
  command: string
}

/**
 * Scores prediction files of any system, in LaMP's shape: each is a row, and the later ones are compared with the
 * first, paired; so are the means of groups, and with each other. Throws BumpError where the golds are withheld, a file
 * does not answer exactly the questions of the split, or a group names no two of the files.
 */
export function scorePredictions(files: readonly string[], options: ScorePredictionsOptions): EvaluationResult {
  const { seed, out, command, groups = {} } = options
  const started = performance.now()
  const { whole, split } = questionsOf(options)
  goldsOf(split, 'nothing can be scored: use the dev split')
  const names = [...new Set(files)]
  const stems = names.map((file) => basename(file, extname(file)))
  const read = names.map((file, f) => ({
    key: file,
    label: stems.filter((stem) => stem === stems[f]).length > 1 ? file : stems[f],
    sets: [readPredictions(file, split)],
  }))
  const means = Object.entries(groups).map(([name, members]) => {
    const own = read.filter(({ key }) => members.includes(key))
    if (own.length < 2 || own.length !== members.length)
      throw new BumpError(
        'invalid-options',
        `groups.${name}: a mean is over two or more of the files, each named once and spelled as among the files: ${names.join(', ')}`,
      )
    return { key: `mean ${name}`, label: `${name}, mean of ${own.length} files`, sets: own.flatMap(({ sets }) => sets) }
  })
  const rows = [...read, ...means]
  const against = ({ key, sets }: (typeof rows)[number], b: (typeof rows)[number]) => ({
    ...{ a: key, b: b.key },
    values: compareMeans(split, sets, b.sets, seed),
  })
  const task = taskOf(split)
  const n = split.questions.length
  const tables: EvaluationResult['tables'] = [
    {
      title: `${split.variant}: ${task.title}`,
      notes: [
        ...(split.rebuilt ? [REBUILT_NOTE] : []),
        ...sampleNotes(split, whole, seed),
        ...questionNotes(split),
        ...wordlessNotes(split),
        ...unparsableNotes(read.map(({ label, sets: [answers] }) => [label, unparsableShare(split, answers)])),
      ],
      metrics: [...task.metrics],
      rows: rows.map(({ key, label, sets }) => ({
        condition: key,
        label,
        n,
        values: scoreMeans(split, sets, seed),
      })),
      differences: [
        ...rows.slice(1).map((row) => against(row, rows[0])),
        ...means.flatMap((row, later) => means.slice(0, later).map((before) => against(row, before))),
      ],
    },
  ]
  const result: EvaluationResult = {
    kind: 'lamp',
    createdAt: new Date().toISOString(),
    command,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    tables,
    settings: { task: split.task, variant: split.variant, questionsFile: split.file, seed, groups },
  }
  if (out !== undefined) writeFileAtomic(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`)
  return result
}
