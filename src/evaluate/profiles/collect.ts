// The profiles that compareProfiles compares: written by runs and models (each opened once, and closed before the
// next), by a server, or read from files; and beside them the controls.
import { basename, join } from 'node:path'
import type { User } from '../../logs/types.ts'
import { AnswerCache } from '../../model/answers.ts'
import type { LanguageModel, Tokenizer, WeightSet } from '../../model/contract.ts'
import type { TextModel } from '../../model/text-model.ts'
import { toRead } from '../../model/trainable.ts'
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
import { type EvaluationModels, type NamedModel, nameOf } from './models.ts'
import { profilesOf, readProfileFile } from './profile-file.ts'
import { LEFT_OUT, serverProfiles } from './server-profiles.ts'
import { zeroShotsOf } from './zero-shots.ts'

/** Where the profiles come from. */
export interface ProfileSources {
  /** Checkpoints of the first run besides its best, such as 'step-20'. */
  checkpoints: readonly string[]
  /** An untrained model for zero-shot profiles: opened, or its name. */
  model?: LanguageModel | string
  /** A text model that is asked the generator's prompt. */
  server?: TextModel
  /** JSONL files of profiles. */
  files: readonly string[]
  /** Which conditions are compared; default: all that these sources allow. */
  kinds?: readonly ConditionKind[]
}

/** The same with the runs read. */
type RunSources = ProfileSources & { runs: readonly TrainedRun[] }

/** What collecting needs besides. */
export interface CollectOptions {
  users: readonly User[]
  /** Settings of the generator where there is no run, and of the server's. */
  config: TrainConfig
  /** That of the judge's model: it counts the history where no generator is named. */
  judgeTokenizer: () => Promise<Tokenizer>
  /** Folder of the caches. */
  out: string
  models: EvaluationModels
  signal?: AbortSignal
  onProgress?: (what: string, done: number, total: number) => void
}

export interface CollectedConditions {
  /** Whom the profiles are of: all, but for those of whom a server gave none. */
  users: User[]
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

/** Key of the condition of the `index`-th run: its best checkpoint. */
export const runKey = (index: number): string => (index === 0 ? 'run' : `run${index + 1}`)

const wants = ({ kinds }: ProfileSources, kind: ConditionKind): boolean => kinds?.includes(kind) ?? true

/**
 * All conditions. Throws BumpError where a checkpoint, model or file cannot be used, where a file is of other users,
 * and where a condition is asked for that has nothing to come from.
 */
export async function collectConditions(sources: RunSources, options: CollectOptions): Promise<CollectedConditions> {
  const { users, config } = options
  checkSources(sources)
  const steps = stepsOf(sources)
  const files = sources.files.map((file, f) => fromFile(file, f, users))
  const byRuns = await fromRuns(sources, steps, options)
  const byModel = await fromModel(sources, options)
  const tokenizer = byRuns.tokenizer ?? byModel.tokenizer ?? (await options.judgeTokenizer())
  const server = sources.server && (await fromServer(sources.server, tokenizer, options))
  const byServer = server ? [server] : []

  const { trained } = byRuns
  const zeroShot = [...byRuns.zeroShot, ...byModel.zeroShot]
  const others = [...byServer, ...files]
  const [main] = [...trained, ...zeroShot, ...others]
  const conditionsOf = (written: readonly Written[]) => written.map(({ condition }) => condition)
  const there = (u: number) => server?.written[u] ?? true
  return {
    users: users.filter((_, u) => there(u)),
    conditions: [
      ...(wants(sources, 'none') ? [noProfile(users)] : []),
      ...(wants(sources, 'generic') ? [genericText(users)] : []),
      ...(wants(sources, 'history') ? [rawHistories(users, tokenizer, config.prompt)] : []),
      ...conditionsOf(zeroShot).filter(({ key }) => key !== 'zero-shot' || wants(sources, 'zero-shot')),
      ...(wants(sources, 'run') ? conditionsOf(trained) : []),
      ...conditionsOf(others),
      ...(wants(sources, 'mismatched') && main ? [mismatchedOf(main.condition)] : []),
    ].map((condition) => ({ ...condition, profiles: condition.profiles.filter((_, u) => there(u)) })),
    notes: [...(server?.notes ?? []), ...files.flatMap(({ notes }) => notes)],
    generators: Object.fromEntries(
      [...byRuns.zeroShot, ...trained, ...byModel.zeroShot, ...others].map(({ condition, generator }) => [
        condition.key,
        generator,
      ]),
    ),
  }
}

/** The profiles of every run that is compared, and the zero-shot ones by their bases. */
async function fromRuns(
  sources: RunSources,
  steps: readonly number[],
  options: CollectOptions,
): Promise<WrittenByModels> {
  const [first, ...others] = sources.runs
  const written: WrittenByModels = { zeroShot: [], trained: [] }
  // The first run's profiles are also those that the mismatched control gives away.
  const trained = wants(sources, 'run') || wants(sources, 'mismatched')
  const compared = wants(sources, 'run') ? sources.runs : sources.runs.slice(0, 1)
  const zeroShots = wants(sources, 'zero-shot') ? zeroShotsOf(compared) : []
  const writeZeroShot = async (model: NamedModel, run: TrainedRun, r: number): Promise<void> => {
    if (zeroShots[r]?.run === run)
      written.zeroShot.push(await zeroShotProfiles(model, run.config, zeroShots[r], options))
  }
  const writeTrained = async (model: NamedModel, run: TrainedRun, step: number, key: string, r: number) => {
    const profiles = await checkpointProfiles(model, run, step, key, options)
    const condition = { ...profiles.condition, zeroShot: zeroShots[r]?.key }
    written.trained.push({ ...profiles, condition })
  }
  if (first && (trained || wants(sources, 'zero-shot'))) {
    await withBase(first, options.models, async (model) => {
      written.tokenizer = model.tokenizer
      await writeZeroShot(model, first, 0)
      const best = trained ? [bestCheckpoint(first.folder)] : []
      const more = trained ? steps.filter((step) => !best.includes(step)) : []
      for (const step of [...best, ...more]) {
        const key = best.includes(step) ? runKey(0) : `run@step-${step}`
        await writeTrained(model, first, step, key, 0)
      }
    })
  }
  for (const [i, run] of (wants(sources, 'run') ? others : []).entries()) {
    await withBase(run, options.models, async (model) => {
      await writeZeroShot(model, run, i + 1)
      await writeTrained(model, run, bestCheckpoint(run.folder), runKey(i + 1), i + 1)
    })
  }
  return written
}

/**
 * `work` on the base model of a run. Throws BumpError (`run-unusable`) where it is not the one that the run was trained
 * on.
 */
async function withBase(
  { folder, header, config }: TrainedRun,
  models: EvaluationModels,
  work: (model: NamedModel) => Promise<void>,
): Promise<void> {
  const { model: name, trainable, quantize } = config
  const checked = async (model: NamedModel): Promise<void> => {
    if (model.info.digest !== header.model.digest)
      throw new BumpError(
        'run-unusable',
        `${name} is not the model that ${folder} was trained on: its content has changed.`,
      )
    // With an adapter on it, the base decodes by the same graph as the policies: its weights are not copied twice.
    await model.loadPolicy(checkpointPath(folder, bestCheckpoint(folder)))
    await work(model)
  }
  await models.named(name, checked, { trainable: toRead(trainable), quantize })
}

async function checkpointProfiles(
  model: NamedModel,
  run: TrainedRun,
  step: number,
  key: string,
  options: CollectOptions,
): Promise<Written> {
  await model.loadPolicy(checkpointPath(run.folder, step))
  const label = `BUMP profile (${run.name}, step ${step})`
  const digest = await model.policyDigest()
  const written = await writeProfiles(model, { weights: 'policy', digest }, run.config, { key, label }, options)
  return { ...written, generator: { ...written.generator, run: run.name, folder: run.folder, step } }
}

/** Zero-shot profiles by the model named, where it is wanted: it stands in the run's place where there is no run. */
async function fromModel(sources: RunSources, options: CollectOptions): Promise<WrittenByModels> {
  const { model: named, runs } = sources
  const alone = runs.length === 0
  if (named === undefined || (alone && !wants(sources, 'zero-shot') && !wants(sources, 'mismatched')))
    return { zeroShot: [], trained: [] }
  const as = alone
    ? { key: 'zero-shot', label: 'zero-shot profile' }
    : { key: 'model', label: `zero-shot profile by ${basename(nameOf(named).replace(/\/+$/, ''))}` }
  return await options.models.use(named, async (model) => {
    const zeroShot = [await zeroShotProfiles(model, options.config, as, options)]
    return { zeroShot, trained: [], tokenizer: model.tokenizer }
  })
}

async function zeroShotProfiles(
  model: LanguageModel,
  config: TrainConfig,
  as: Pick<ProfileCondition, 'key' | 'label'>,
  options: CollectOptions,
): Promise<Written> {
  return await writeProfiles(model, { weights: 'base', digest: model.info.digest }, config, as, options)
}

async function writeProfiles(
  model: LanguageModel,
  { weights, digest }: { weights: WeightSet; digest: string },
  { prompt, profile, seed }: TrainConfig,
  { key, label }: Pick<ProfileCondition, 'key' | 'label'>,
  { users, out, signal, onProgress }: CollectOptions,
): Promise<Written> {
  const profiles = await cachedProfiles(model, users, {
    settings: { prompt, maxTokens: profile.maxTokens, temperature: profile.temperature, seed },
    weights,
    digest,
    folder: join(out, 'profiles'),
    signal,
    onProgress: (done, total) => onProgress?.(label, done, total),
  })
  return {
    condition: { key, label, profiles },
    generator: { model: model.info.name, digest },
  }
}

/** Profiles by a server; `written`: [user] whether it gave one. */
async function fromServer(
  server: TextModel,
  tokenizer: Tokenizer,
  { users, config, out, signal, onProgress }: CollectOptions,
): Promise<Written & { written: boolean[]; notes: string[] }> {
  const label = `profile by ${server.name}`
  const { profiles, notes, lacking } = await serverProfiles(server, users, {
    tokenizer,
    prompt: config.prompt,
    maxTokens: config.profile.maxTokens,
    cache: new AnswerCache(join(out, 'server-answers.jsonl')),
    signal,
    onProgress: (done, total) => onProgress?.(label, done, total),
  })
  return {
    condition: { key: 'server', label, profiles: profiles.map((profile) => profile ?? '') },
    generator: { model: server.name },
    written: profiles.map((profile) => profile !== undefined),
    notes: [...notes, ...(lacking === undefined ? [] : [`${lacking} ${LEFT_OUT}`])],
  }
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
function checkSources({ runs, model, server, files, kinds = [] }: RunSources): void {
  const missing = (kind: ConditionKind, what: string): BumpError =>
    new BumpError('invalid-options', `the condition ${kind} needs ${what}`)
  if (kinds.includes('run') && runs.length === 0) throw missing('run', 'a trained generator: name a run')
  const generator = runs.length > 0 || model !== undefined || server !== undefined
  if (kinds.includes('zero-shot') && !generator)
    throw missing('zero-shot', 'a generator: name a run, a model or a server')
  if (kinds.includes('mismatched') && !generator && files.length === 0)
    throw missing('mismatched', 'profiles to give away: name a run, a model, a server or a file of profiles')
}

/** Steps of the checkpoints named. Throws BumpError (`invalid-options`) where the first run has no such checkpoint. */
function stepsOf({ runs: [run], checkpoints }: RunSources): number[] {
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
