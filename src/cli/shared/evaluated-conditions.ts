// The profiles that `bump evaluate profiles` compares: written by the runs and models that the flags name (each opened
// once, and closed before the next), by a server, or read from files.

import { basename, join } from 'node:path'
import { cachedProfiles } from '../../evaluate/generated-profiles.ts'
import {
  type ConditionKind,
  genericText,
  mismatchedOf,
  noProfile,
  type ProfileCondition,
  rawHistories,
} from '../../evaluate/profiles/conditions.ts'
import { profilesOf, readProfileFile } from '../../evaluate/profiles/profile-file.ts'
import { serverProfiles } from '../../evaluate/profiles/server-profiles.ts'
import type { User } from '../../logs/types.ts'
import type { Tokenizer, WeightSet } from '../../model/contract.ts'
import { type OnnxModel, type OpenModelOptions, openModel } from '../../model/onnx/open.ts'
import { openOpenAi } from '../../model/openai/open.ts'
import { bestCheckpoint, checkpointPath, checkpointSteps } from '../../run/read.ts'
import type { TrainConfig } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'

import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { type EngineFlags, engineOptions } from './engine-flags.ts'
import type { WorkProgress } from './work-progress.ts'

export interface ConditionFlags extends EngineFlags {
  checkpoint: string[]
  model?: string
  profiles: string[]
  server?: string
  serverModel?: string
}

export interface ConditionInputs {
  runs: readonly TrainedRun[]
  /** Settings of the generator where there is no run, and of the server's. */
  config: TrainConfig
  users: readonly User[]
  /** Default: all that the flags allow. */
  kinds?: readonly ConditionKind[]
  /** Its tokenizer counts the history where no generator is named. */
  judgeModel: string
  /** Caches go here. */
  out: string
}

export interface CollectedConditions {
  conditions: ProfileCondition[]
  /** What must be known to read their scores. */
  notes: string[]
  /** By condition: the generator, for the record. */
  digests: Record<string, unknown>
}

/**
 * All conditions in the order of the table. Throws BumpError where a checkpoint, model or file cannot be used, where the
 * file is of other users, and where `mismatched` is asked for and there is no profile to give away.
 */
export async function collectConditions(
  inputs: ConditionInputs,
  flags: ConditionFlags,
  { signal, progress }: { signal: AbortSignal; progress: WorkProgress },
): Promise<CollectedConditions> {
  const { runs, config, users, out } = inputs
  const wanted = (kind: ConditionKind): boolean => inputs.kinds?.includes(kind) ?? true
  checkSources(inputs, flags)
  const steps = checkpointsOf(runs[0], flags.checkpoint)
  const text = flags.server === undefined ? undefined : openOpenAi({ baseUrl: flags.server, model: flags.serverModel! })
  const files = flags.profiles.map((file) => ({ file, ...profilesOf(readProfileFile(file), file, users) }))
  const notes: string[] = []
  const digests: Record<string, unknown> = {}
  const zeroShot: ProfileCondition[] = []
  const trained: ProfileCondition[] = []
  let tokenizer: Tokenizer | undefined

  const write = async (model: OnnxModel, weights: WeightSet, by: TrainConfig, key: string, label: string) => {
    const digest = weights === 'base' ? model.info.digest : await model.policyDigest()
    const found = await cachedProfiles(model, users, {
      settings: {
        prompt: by.prompt,
        maxTokens: by.profile.maxTokens,
        temperature: by.profile.temperature,
        seed: by.seed,
      },
      weights,
      digest,
      folder: join(out, 'profiles'),
      signal,
      onProgress: (done, total) => progress.update(label, done, total),
    })
    digests[key] = { model: model.info.name, digest }
    return { key, label, profiles: users.map(({ id }) => found.get(id)!) }
  }
  const opened = async <T>(
    where: string,
    options: Pick<OpenModelOptions, 'trainable' | 'quantize'>,
    use: (model: OnnxModel) => Promise<T>,
  ) => {
    const model = await openModel(where, { ...options, ...engineOptions(flags), onProgress: progress.say })
    tokenizer ??= model.tokenizer
    try {
      return await use(model)
    } finally {
      await model.close()
    }
  }

  const runKept = wanted('run') || wanted('mismatched')
  for (const [r, run] of runs.entries()) {
    if (r > 0 && !wanted('run')) break
    if (r === 0 && !runKept && !wanted('zero-shot')) break
    const { model: where, trainable, quantize } = run.config
    await opened(where, { trainable, quantize }, async (model) => {
      if (model.info.digest !== run.header.model.digest)
        throw new BumpError(
          'invalid-options',
          `${run.config.model} is not the model that ${run.folder} was trained on: its content has changed.`,
        )
      if (r === 0 && wanted('zero-shot'))
        zeroShot.push(await write(model, 'base', run.config, 'zero-shot', 'zero-shot profile'))
      if (!runKept) return
      const best = bestCheckpoint(run.folder)
      for (const step of r === 0 ? [best, ...steps.filter((other) => other !== best)] : [best]) {
        await model.loadState(checkpointPath(run.folder, step))
        const key = r === 0 ? (step === best ? 'run' : `run@step-${step}`) : `run${r + 1}`
        trained.push(await write(model, 'policy', run.config, key, `BUMP profile (${run.name}, step ${step})`))
      }
    })
  }
  if (flags.model !== undefined) {
    const first = runs.length === 0
    if (!first || wanted('zero-shot') || wanted('mismatched'))
      await opened(flags.model, {}, async (model) => {
        const label = first ? 'zero-shot profile' : `zero-shot profile by ${shortName(flags.model!)}`
        zeroShot.push(await write(model, 'base', config, first ? 'zero-shot' : 'model', label))
      })
  }
  const counting = tokenizer ?? (await opened(inputs.judgeModel, {}, async (model) => model.tokenizer))

  const other: ProfileCondition[] = []
  if (text) {
    const label = `profile by ${text.name}`
    const profiles = await serverProfiles(text, users, {
      tokenizer: counting,
      prompt: config.prompt,
      maxTokens: config.profile.maxTokens,
      cache: join(out, 'server-answers.jsonl'),
      signal,
      onProgress: (done, total) => progress.update(label, done, total),
    })
    other.push({ key: 'server', label, profiles })
    digests.server = { model: text.name }
  }
  for (const [f, { file, profiles, otherHistory }] of files.entries()) {
    const key = f === 0 ? 'file' : `file${f + 1}`
    other.push({ key, label: `profile from ${basename(file)}`, profiles })
    digests[key] = { file: basename(file), digest: sha256(profiles.join('\0')) }
    if (otherHistory > 0)
      notes.push(
        `${basename(file)}: ${otherHistory} of ${users.length} profiles were written from another history than the one visible here. Where that includes the held-out interactions (bump profile reads whole logs unless it gets --held-out), their scores are too high: no comparison with the others is fair.`,
      )
    notes.push(`${basename(file)}: whether its generator was trained on these users is not known.`)
  }

  const main = [...trained, ...zeroShot, ...other][0]
  const conditions = [
    ...(wanted('none') ? [noProfile(users)] : []),
    ...(wanted('generic') ? [genericText(users)] : []),
    ...(wanted('history') ? [rawHistories(users, counting, config.prompt)] : []),
    ...zeroShot.filter(({ key }) => key !== 'zero-shot' || wanted('zero-shot')),
    ...(wanted('run') ? trained : []),
    ...other,
    ...(wanted('mismatched') && main ? [mismatchedOf(main)] : []),
  ]
  for (const note of notes) progress.say(note)
  return { conditions, notes, digests }
}

/** Throws BumpError (`invalid-options`) where a condition that was asked for has nothing to come from. */
function checkSources({ runs, kinds = [] }: ConditionInputs, { model, server, profiles }: ConditionFlags): void {
  const missing = (kind: ConditionKind, what: string): BumpError =>
    new BumpError('invalid-options', `the condition ${kind} needs ${what}`)
  if (kinds.includes('run') && runs.length === 0) throw missing('run', 'a trained generator: name it by --run')
  const generator = runs.length > 0 || model !== undefined
  if (kinds.includes('zero-shot') && !generator) throw missing('zero-shot', 'a generator: name --run or --model')
  if (kinds.includes('mismatched') && !generator && server === undefined && profiles.length === 0)
    throw missing('mismatched', 'profiles to give away: name --run, --model, --server or --profiles')
}

function shortName(where: string): string {
  return basename(where.replace(/\/+$/, ''))
}

/** Steps of the checkpoints named. Throws BumpError (`invalid-options`) where the run has no such checkpoint. */
function checkpointsOf(run: TrainedRun | undefined, names: readonly string[]): number[] {
  if (!run) return []
  const there = checkpointSteps(run.folder)
  return [...new Set(names)].map((name) => {
    const step = Number(/^(?:step-)?(\d+)$/.exec(name)?.[1])
    if (!there.includes(step))
      throw new BumpError(
        'invalid-options',
        `${run.folder} has no checkpoint ${name}: it has ${there.map((each) => `step-${each}`).join(', ') || 'none'}. A run keeps its best and its last two.`,
      )
    return step
  })
}
