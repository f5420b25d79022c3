// The profiles that compareProfiles compares: written by runs and models (each opened once, and closed before the
// next), by a server, or read from files; and beside them the controls.
import { basename, join } from 'node:path'
import type { User } from '../../logs/types.ts'
import type { LanguageModel, Tokenizer, WeightSet } from '../../model/contract.ts'
import type { TextModel } from '../../model/text-model.ts'
import { bestCheckpoint, checkpointPath, checkpointSteps } from '../../run/read.ts'
import type { TrainConfig } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { cachedProfiles } from '../generated-profiles.ts'
import {
  type ConditionKind,
  genericText,
  mismatchedOf,
  noProfile,
  type ProfileCondition,
  rawHistories,
} from './conditions.ts'
import { profilesOf, readProfileFile } from './profile-file.ts'
import { serverProfiles } from './server-profiles.ts'

/** A model that can say which weights it has: what every model opened by its name is. */
type OpenedModel = LanguageModel & {
  /** SHA-256 over the policy as it is now: base and adapter. */
  policyDigest(): Promise<string>
}

/** Opens a model by its name; who opens one closes it. */
export type ModelOpener = (
  name: string,
  options?: Partial<Pick<TrainConfig, 'trainable' | 'quantize'>>,
) => Promise<OpenedModel>

/** Where the profiles come from. */
export interface ProfileSources {
  runs: readonly TrainedRun[]
  /** Checkpoints of the first run besides its best, such as 'step-20'. */
  checkpoints: readonly string[]
  /** An untrained model for zero-shot profiles. */
  model?: string
  /** A text model that is asked the generator's prompt. */
  server?: TextModel
  /** JSONL files of profiles. */
  files: readonly string[]
  /** Which conditions are compared; default: all that these sources allow. */
  kinds?: readonly ConditionKind[]
}

/** What collecting needs besides. */
export interface CollectOptions {
  users: readonly User[]
  /** Settings of the generator where there is no run, and of the server's. */
  config: TrainConfig
  /** Its tokenizer counts the history where no generator is named. */
  judgeModel: string
  /** Folder of the caches. */
  out: string
  open: ModelOpener
  signal?: AbortSignal
  onProgress?: (what: string, done: number, total: number) => void
}

export interface CollectedConditions {
  /** In the order of the table. */
  conditions: ProfileCondition[]
  /** What must be known to read their scores. */
  notes: string[]
  /** By condition: the generator, for the record. */
  generators: Record<string, unknown>
}

/** A condition with what wrote its profiles. */
interface Written {
  condition: ProfileCondition
  generator: Record<string, unknown>
}

/** What the models wrote. */
interface WrittenByModels {
  zeroShot: Written[]
  trained: Written[]
  /** Of the model that was opened first. */
  tokenizer?: Tokenizer
}

const wants = ({ kinds }: ProfileSources, kind: ConditionKind): boolean => kinds?.includes(kind) ?? true

/**
 * All conditions. Throws BumpError where a checkpoint, model or file cannot be used, where a file is of other users,
 * and where a condition is asked for that has nothing to come from.
 */
export async function collectConditions(
  sources: ProfileSources,
  options: CollectOptions,
): Promise<CollectedConditions> {
  const { users, config } = options
  checkSources(sources)
  const steps = stepsOf(sources)
  const files = sources.files.map((file, f) => fromFile(file, f, users))
  const byRuns = await fromRuns(sources, steps, options)
  const byModel = await fromModel(sources, options)
  const tokenizer = byRuns.tokenizer ?? byModel.tokenizer ?? (await tokenizerOf(options.judgeModel, options.open))
  const byServer = sources.server ? [await fromServer(sources.server, tokenizer, options)] : []

  const { trained } = byRuns
  const zeroShot = [...byRuns.zeroShot, ...byModel.zeroShot]
  const others = [...byServer, ...files]
  const [main] = [...trained, ...zeroShot, ...others]
  const conditionsOf = (written: readonly Written[]) => written.map(({ condition }) => condition)
  return {
    conditions: [
      ...(wants(sources, 'none') ? [noProfile(users)] : []),
      ...(wants(sources, 'generic') ? [genericText(users)] : []),
      ...(wants(sources, 'history') ? [rawHistories(users, tokenizer, config.prompt)] : []),
      ...conditionsOf(zeroShot).filter(({ key }) => key !== 'zero-shot' || wants(sources, 'zero-shot')),
      ...(wants(sources, 'run') ? conditionsOf(trained) : []),
      ...conditionsOf(others),
      ...(wants(sources, 'mismatched') && main ? [mismatchedOf(main.condition)] : []),
    ],
    notes: files.flatMap(({ notes }) => notes),
    generators: Object.fromEntries(
      [...byRuns.zeroShot, ...trained, ...byModel.zeroShot, ...others].map(({ condition, generator }) => [
        condition.key,
        generator,
      ]),
    ),
  }
}

/** Zero-shot profiles by the first run's base, and those of every run that is compared. */
async function fromRuns(
  sources: ProfileSources,
  steps: readonly number[],
  options: CollectOptions,
): Promise<WrittenByModels> {
  const [first, ...others] = sources.runs
  const written: WrittenByModels = { zeroShot: [], trained: [] }
  // The first run's profiles are also those that the mismatched control gives away.
  const trained = wants(sources, 'run') || wants(sources, 'mismatched')
  if (first && (trained || wants(sources, 'zero-shot'))) {
    const model = await openBase(first, options.open)
    try {
      written.tokenizer = model.tokenizer
      const { config } = first
      if (wants(sources, 'zero-shot'))
        written.zeroShot.push(
          await writeProfiles(model, 'base', config, { key: 'zero-shot', label: 'zero-shot profile' }, options),
        )
      const best = trained ? [bestCheckpoint(first.folder)] : []
      const more = trained ? steps.filter((step) => !best.includes(step)) : []
      for (const step of [...best, ...more]) {
        const key = best.includes(step) ? 'run' : `run@step-${step}`
        written.trained.push(await checkpointProfiles(model, first, step, key, options))
      }
    } finally {
      await model.close()
    }
  }
  for (const [i, run] of (wants(sources, 'run') ? others : []).entries()) {
    const model = await openBase(run, options.open)
    try {
      written.trained.push(await checkpointProfiles(model, run, bestCheckpoint(run.folder), `run${i + 2}`, options))
    } finally {
      await model.close()
    }
  }
  return written
}

/**
 * The base model of a run. Throws BumpError (`invalid-options`) where it is not the one that the run was trained on.
 */
async function openBase({ folder, header, config }: TrainedRun, open: ModelOpener): Promise<OpenedModel> {
  const { model: name, trainable, quantize } = config
  const model = await open(name, { trainable, quantize })
  if (model.info.digest === header.model.digest) return model
  await model.close()
  throw new BumpError(
    'invalid-options',
    `${name} is not the model that ${folder} was trained on: its content has changed.`,
  )
}

async function checkpointProfiles(
  model: OpenedModel,
  run: TrainedRun,
  step: number,
  key: string,
  options: CollectOptions,
): Promise<Written> {
  await model.loadState(checkpointPath(run.folder, step))
  const label = `BUMP profile (${run.name}, step ${step})`
  return writeProfiles(model, 'policy', run.config, { key, label }, options)
}

/** Zero-shot profiles by the model named, where it is wanted: it stands in the run's place where there is no run. */
async function fromModel(sources: ProfileSources, options: CollectOptions): Promise<WrittenByModels> {
  const { model: name, runs } = sources
  const alone = runs.length === 0
  if (name === undefined || (alone && !wants(sources, 'zero-shot') && !wants(sources, 'mismatched')))
    return { zeroShot: [], trained: [] }
  const model = await options.open(name)
  try {
    const as = alone
      ? { key: 'zero-shot', label: 'zero-shot profile' }
      : { key: 'model', label: `zero-shot profile by ${basename(name.replace(/\/+$/, ''))}` }
    const zeroShot = [await writeProfiles(model, 'base', options.config, as, options)]
    return { zeroShot, trained: [], tokenizer: model.tokenizer }
  } finally {
    await model.close()
  }
}

async function writeProfiles(
  model: OpenedModel,
  weights: WeightSet,
  { prompt, profile, seed }: TrainConfig,
  { key, label }: Pick<ProfileCondition, 'key' | 'label'>,
  { users, out, signal, onProgress }: CollectOptions,
): Promise<Written> {
  const digest = weights === 'base' ? model.info.digest : await model.policyDigest()
  const found = await cachedProfiles(model, users, {
    settings: { prompt, maxTokens: profile.maxTokens, temperature: profile.temperature, seed },
    weights,
    digest,
    folder: join(out, 'profiles'),
    signal,
    onProgress: (done, total) => onProgress?.(label, done, total),
  })
  return {
    condition: { key, label, profiles: users.map(({ id }) => found.get(id)!) },
    generator: { model: model.info.name, digest },
  }
}

async function tokenizerOf(name: string, open: ModelOpener): Promise<Tokenizer> {
  const model = await open(name)
  await model.close()
  return model.tokenizer
}

async function fromServer(
  server: TextModel,
  tokenizer: Tokenizer,
  { users, config, out, signal, onProgress }: CollectOptions,
): Promise<Written> {
  const label = `profile by ${server.name}`
  const profiles = await serverProfiles(server, users, {
    tokenizer,
    prompt: config.prompt,
    maxTokens: config.profile.maxTokens,
    cache: join(out, 'server-answers.jsonl'),
    signal,
    onProgress: (done, total) => onProgress?.(label, done, total),
  })
  return { condition: { key: 'server', label, profiles }, generator: { model: server.name } }
}

function fromFile(path: string, index: number, users: readonly User[]): Written & { notes: string[] } {
  const { profiles, otherHistory } = profilesOf(readProfileFile(path), path, users)
  const file = basename(path)
  const key = index === 0 ? 'file' : `file${index + 1}`
  return {
    condition: { key, label: `profile from ${file}`, profiles },
    generator: { file, digest: sha256(profiles.join('\0')) },
    notes: [
      ...(otherHistory > 0
        ? [
            `${file}: ${otherHistory} of ${users.length} profiles were written from another history than the one visible here. Where that includes the held-out interactions (bump profile reads whole logs unless it is told to hold some out), their scores are too high: no comparison with the others is fair.`,
          ]
        : []),
      `${file}: whether its generator was trained on these users is not known.`,
    ],
  }
}

/** Throws BumpError (`invalid-options`) where a condition that was asked for has nothing to come from. */
function checkSources({ runs, model, server, files, kinds = [] }: ProfileSources): void {
  const missing = (kind: ConditionKind, what: string): BumpError =>
    new BumpError('invalid-options', `the condition ${kind} needs ${what}`)
  if (kinds.includes('run') && runs.length === 0) throw missing('run', 'a trained generator: name a run')
  const generator = runs.length > 0 || model !== undefined
  if (kinds.includes('zero-shot') && !generator) throw missing('zero-shot', 'a generator: name a run or a model')
  if (kinds.includes('mismatched') && !generator && server === undefined && files.length === 0)
    throw missing('mismatched', 'profiles to give away: name a run, a model, a server or a file of profiles')
}

/** Steps of the checkpoints named. Throws BumpError (`invalid-options`) where the first run has no such checkpoint. */
function stepsOf({ runs: [run], checkpoints }: ProfileSources): number[] {
  if (!run) return []
  const there = checkpointSteps(run.folder)
  return [...new Set(checkpoints)].map((name) => {
    const step = Number(/^(?:step-)?(\d+)$/.exec(name)?.[1])
    if (!there.includes(step))
      throw new BumpError(
        'invalid-options',
        `${run.folder} has no checkpoint ${name}: it has ${there.map((each) => `step-${each}`).join(', ') || 'none'}. A run keeps its best and its last two.`,
      )
    return step
  })
}
