// `bump evaluate lamp`: a LaMP task answered by one backbone under several conditions, as one table.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CONDITIONS, type Condition } from '../lamp/conditions.ts'
import { byUser, questionsOfAllItems } from '../lamp/histories.ts'
import { itemText } from '../lamp/item-text.ts'
import { LAMP_SPLITS, type LampSplitName, readLamp } from '../lamp/read.ts'
import { lampRows } from '../lamp/rows.ts'
import { answerRows, DEFAULT_BUDGET, sampleQuestions, writeLampResult } from '../lamp/run.ts'
import { checkSeenUsers } from '../lamp/seen-users.ts'
import type { LampSplit, LampTaskNumber } from '../lamp/types.ts'
import { AnswerCache } from '../model/answers.ts'
import { bestCheckpoint, readRunHeader } from '../run/read.ts'
import { trainConfigSchema } from '../train/config.ts'
import { BumpError } from '../util/errors.ts'
import { sha256 } from '../util/files.ts'
import { lockFolder } from '../util/lock.ts'
import { adapterNotes } from './shared/adapter-notes.ts'
import { commandLine } from './shared/command-line.ts'
import { addEngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber, positiveInteger, taskNumber } from './shared/flag-values.ts'
import { interruptible } from './shared/interrupt.ts'
import {
  type LampProfiles,
  lampProfiles,
  type ProfileKind,
  type ProfileSource,
  profileKindOf,
  trainedField,
} from './shared/lamp-profiles.ts'
import { resultTableText } from './shared/result-table.ts'
import { adapterOf, addTextModelFlags, isServer, openTextModel, type TextModelFlags } from './shared/text-model.ts'
import { type WorkProgress, workProgress } from './shared/work-progress.ts'

const HELP = `
Conditions: ${CONDITIONS.join(', ')}. By default all for which profiles can be had:
zero-shot profiles come from the untrained base of --run (else from --zero-shot-model, else from a local backbone), bump
profiles from --run or --profiles. Answers of classification tasks are chosen among the valid labels where the backbone
gives probabilities; titles, headlines and paraphrases are decoded greedily.

A generator reads an item as the one field that its run was trained on (--text of bump train, else what that takes from
LaMP files by itself), where the items have that field, else as all that the task's items hold. --text says it otherwise.

<out> holds result.json (for bump report), predictions/<condition>.json in the benchmark's shape and questions.jsonl.
Profiles and answers are kept there by content: an interrupted command goes on where it stopped, and nothing is asked
twice.

Examples:
  bump evaluate lamp --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --run runs/papers
  bump evaluate lamp --task 3 --data reviews --backbone judge.gguf --conditions none,recent,bm25 --questions 60
  bump evaluate lamp --task 5 --data LaMP_5 --backbone ./SmolLM2-135M-Instruct --run runs/papers \\
    --sft none=runs/sft-none --sft bump=runs/sft-bump
  bump evaluate lamp --task 4 --data LaMP_4 --backbone http://localhost:8000/v1 --backbone-model qwen3 --run runs/news
`

interface EvaluateLampFlags extends TextModelFlags {
  task: LampTaskNumber
  oldNews?: boolean
  data: string
  split: LampSplitName
  run?: string
  profiles?: string
  zeroShotModel?: string
  conditions?: Condition[]
  sft: { condition: Condition; adapter: string }[]
  text?: string
  questions?: number
  items: number
  budget?: number
  freeAnswers?: boolean
  seenUsers?: boolean
  out?: string
  seed: number
}

/** `bump evaluate lamp`. */
export function evaluateLampCommand(): Command {
  const command = new Command('lamp')
    .description('answer a LaMP task with and without profiles, and compare')
    .addOption(new Option('--task <number>', 'task of the benchmark').argParser(taskNumber).makeOptionMandatory())
    .requiredOption('--data <folder>', 'folder of the downloaded files: LaMP_N, or one that holds them')
    .addOption(new Option('--split <name>', 'part of the data').choices(LAMP_SPLITS).default('dev'))
  addTextModelFlags(command)
    .option('--run <folder>', 'run folder of bump train: its best checkpoint writes the bump profiles')
    .option('--profiles <file>', 'bump profiles from a file of bump profile instead')
    .option('--zero-shot-model <where>', "writes the zero-shot profiles (default: the run's base, else the backbone)")
    .option(
      '--conditions <list>',
      'conditions to compare, with commas between (default: all that can be)',
      conditionList,
    )
    .option(
      '--sft <condition=folder>',
      'a row after LoRA-SFT: the backbone with this adapter; may be repeated',
      adapted,
      [],
    )
    .option('--text <fields>', 'what a generator reads of an item: title, or "{title}: {abstract}"')
    .option('--questions <count>', 'about so many questions: whole users, drawn by the seed', positiveInteger)
    .option('--items <count>', 'items in a prompt that shows items', positiveInteger, 4)
    .option(
      '--budget <tokens>',
      `tokens of a prompt (default: ${DEFAULT_BUDGET}, or what the context allows)`,
      positiveInteger,
    )
    .option('--free-answers', 'classification in free text, also where labels could be chosen')
    .option('--old-news', 'permit the old task 2, news categories (LaMP-2N)')
    .option('--seen-users', "permit users of the training: LaMP's time split has the same users")
    .option('--out <folder>', 'where the results go (default: evaluate/lamp-<task>-<split> in the run or in runs)')
    .option('--seed <number>', 'seed of sampled questions, random items and intervals', naturalNumber, 1)
    .addHelpText('after', HELP)
    .action((flags: EvaluateLampFlags) => runEvaluateLamp(flags, commandLine(command)))
  return addEngineFlags(command)
}

function condition(name: string): Condition {
  const found = CONDITIONS.find((known) => known === name)
  if (found === undefined)
    throw new InvalidArgumentError(`No condition "${name}". Conditions are ${CONDITIONS.join(', ')}.`)
  return found
}

function conditionList(text: string): Condition[] {
  return [...new Set(text.split(',').map((name) => condition(name.trim())))]
}

function adapted(text: string, before: EvaluateLampFlags['sft']): EvaluateLampFlags['sft'] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('Write it as condition=folder.')
  const next = { condition: condition(text.slice(0, at)), adapter: text.slice(at + 1) }
  if (before.some((other) => other.condition === next.condition))
    throw new InvalidArgumentError(`${next.condition} has an adapter already.`)
  return [...before, next]
}

async function runEvaluateLamp(flags: EvaluateLampFlags, command: string): Promise<void> {
  const started = performance.now()
  const rows = lampRows(flags.conditions ?? possibleConditions(flags), flags.sft)
  const whole = readLamp(flags.data, { task: flags.task, split: flags.split, oldNews: flags.oldNews })
  const split = flags.questions === undefined ? whole : sampleQuestions(whole, flags.questions, flags.seed)
  const users = [...new Set(split.questions.map(({ user }) => user))]
  if (isServer(flags.backbone) && flags.sft.length > 0)
    throw new BumpError(
      'invalid-options',
      '--sft needs a backbone on this machine: load the adapter on the server, and name it by --backbone-model',
    )
  const adapters = [flags.adapter, ...flags.sft.map(({ adapter }) => adapter)].flatMap((adapter) => adapter ?? [])
  for (const adapter of adapters) adapterOf(adapter)
  const seen = checkSeenUsers(users, [...(flags.run ? [flags.run] : []), ...adapters], flags.seenUsers ?? false)
  const kinds = [...new Set(rows.flatMap((row) => profileKindOf(row.condition) ?? []))]
  const out = flags.out ?? join(flags.run ?? 'runs', 'evaluate', `lamp-${flags.task}-${flags.split}`)
  const notes = [
    ...sampleNotes(split, whole, flags),
    ...profileNotes(kinds, split, flags),
    ...flags.sft.flatMap((row) => notesOfAdapter(row, flags)),
    ...seen,
  ]
  const release = lockFolder(out, '--out')
  const progress = workProgress()
  try {
    await interruptible(
      () =>
        progress.say('stopping; what is answered so far is kept, the same command goes on. Ctrl-C again stops at once'),
      async (signal) => {
        progress.say(
          `${split.variant}: ${split.questions.length} questions of ${users.length} users, ${rows.length} rows`,
        )
        for (const note of notes) progress.say(note)
        const profiles = await profilesOf(split, kinds, flags, { out, signal, progress })
        const answered = await answerRows({
          split,
          rows,
          zeroShot: profiles['zero-shot'],
          bump: profiles.bump,
          items: flags.items,
          budget: flags.budget,
          seed: flags.seed,
          freeAnswers: flags.freeAnswers ?? false,
          cache: new AnswerCache(join(out, 'answers.jsonl')),
          open: (adapter) => openTextModel({ ...flags, adapter: adapter ?? flags.adapter }, progress.say),
          signal,
          onProgress: (done, total, share) => progress.update('answers', done, total, share),
        })
        const result = writeLampResult(out, split, answered, {
          command,
          seconds: (performance.now() - started) / 1000,
          notes,
          seed: flags.seed,
          settings: { profiles: sources(kinds, flags) },
        })
        progress.done()
        process.stdout.write(`\n${resultTableText(result.tables[0])}\nAll of it is in ${out}\n`)
      },
    )
  } finally {
    release()
    progress.done()
  }
}

/** All conditions for which profiles can be had. */
function possibleConditions(flags: EvaluateLampFlags): Condition[] {
  const { run, profiles, backbone } = flags
  const zeroShot = (run ?? flags.zeroShotModel) !== undefined || !isServer(backbone)
  return CONDITIONS.filter((condition) => {
    const kind = profileKindOf(condition)
    if (kind === 'zero-shot') return zeroShot
    return kind === undefined || (run ?? profiles) !== undefined
  })
}

/** Which generator writes the zero-shot profiles: a run's base, or a model by its name. */
function zeroShotSource({ run, zeroShotModel, backbone }: EvaluateLampFlags): ProfileSource {
  if (zeroShotModel !== undefined) return { model: zeroShotModel }
  if (run !== undefined) return { run }
  if (!isServer(backbone)) return { model: backbone }
  throw new BumpError(
    'invalid-options',
    'zero-shot profiles need a generator on this machine: name it by --zero-shot-model, or a run by --run',
  )
}

function bumpSource({ run, profiles }: EvaluateLampFlags): ProfileSource {
  if (profiles !== undefined) return { files: { bump: profiles } }
  if (run !== undefined) return { run }
  throw new BumpError(
    'invalid-options',
    'bump profiles need a trained generator: name its run by --run, or a file of bump profile by --profiles',
  )
}

function sourceOf(kind: ProfileKind, flags: EvaluateLampFlags): ProfileSource {
  return kind === 'bump' ? bumpSource(flags) : zeroShotSource(flags)
}

/** The profiles of all kinds; a run that writes both kinds is opened once. */
async function profilesOf(
  split: LampSplit,
  kinds: readonly ProfileKind[],
  flags: EvaluateLampFlags,
  { out, signal, progress }: { out: string; signal: AbortSignal; progress: WorkProgress },
): Promise<LampProfiles> {
  const text = flags.text === undefined ? undefined : itemText(flags.text, split)
  const asked = kinds.map((kind) => ({ kind, source: sourceOf(kind, flags) }))
  const shared = new Map<string, { kinds: ProfileKind[]; source: ProfileSource }>()
  for (const { kind, source } of asked) {
    const key = JSON.stringify(source)
    shared.set(key, { kinds: [...(shared.get(key)?.kinds ?? []), kind], source })
  }
  const profiles: LampProfiles = {}
  for (const { kinds, source } of shared.values())
    Object.assign(
      profiles,
      await lampProfiles(split, kinds, source, {
        engine: engineOptions(flags),
        folder: join(out, 'profiles'),
        text,
        signal,
        onProgress: progress.say,
        onWork: progress.update,
      }),
    )
  return profiles
}

function sampleNotes(split: LampSplit, whole: LampSplit, { seed }: EvaluateLampFlags): string[] {
  const all = whole.questions.length
  return [
    ...(split.questions.length < all
      ? [`A sample: ${split.questions.length} of the ${all} questions, whole users, drawn with seed ${seed}.`]
      : []),
  ]
}

function profileNotes(kinds: readonly ProfileKind[], split: LampSplit, flags: EvaluateLampFlags): string[] {
  const { run, profiles, zeroShotModel, text } = flags
  const notes: string[] = []
  if (kinds.includes('bump') && profiles !== undefined)
    notes.push(
      `BUMP profiles are those of ${profiles}: whether their generator was trained on these users is not known.`,
    )
  const growing = [...byUser(split.questions).values()].filter((own) => questionsOfAllItems(own).length < own.length)
  if (kinds.includes('bump') && profiles !== undefined && growing.length > 0)
    notes.push(
      `${growing.length} users have questions with further records than earlier ones: a profile in ${profiles} that was written from all of them may hold answers, and its scores are too high then. Profiles by --run hold none.`,
    )
  if (kinds.includes('zero-shot') && zeroShotModel !== undefined && run !== undefined)
    notes.push(`Zero-shot profiles are written by ${zeroShotModel}, not by the base of ${run}.`)
  const logs = run === undefined ? undefined : trainConfigSchema.safeParse(readRunHeader(run).config).data?.logs
  if (kinds.length > 0 && text === undefined && logs !== undefined)
    if (
      split.questions.some(({ items }) =>
        items.some((item) => item.fields[trainedField(item, logs) ?? ''] === undefined),
      )
    )
      notes.push(
        `${run} was trained on the text ${logs.text ?? 'of its logs'}, which is no field of these items: its generator reads them as the task has them. Set it by --text.`,
      )
  return notes
}

/** In what the adapter of a row was trained otherwise than the row asks. */
function notesOfAdapter({ condition, adapter }: EvaluateLampFlags['sft'][number], flags: EvaluateLampFlags): string[] {
  const { task, items, budget, text } = flags
  const kind = profileKindOf(condition)
  const source = kind && sourceOf(kind, flags)
  return adapterNotes(adapter, { task, condition, items, budget, text, writer: source?.run ?? source?.model })
}

/** Where the profiles of each kind came from, for the record. */
function sources(kinds: readonly ProfileKind[], flags: EvaluateLampFlags): Record<string, unknown> {
  return Object.fromEntries(
    kinds.map((kind) => {
      const { run, model, files } = sourceOf(kind, flags)
      if (files?.bump !== undefined) return [kind, { file: files.bump, digest: sha256(readFileSync(files.bump)) }]
      if (run === undefined) return [kind, { model, text: flags.text }]
      const { name, digest } = readRunHeader(run).model
      const step = kind === 'bump' ? bestCheckpoint(run) : undefined
      return [kind, { run, step, model: name, digest, text: flags.text }]
    }),
  )
}
