// Opens a profile generator for use: a trained one by its run folder or its adapter, or any model as it is. This is
// what a product holds.
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import type { Interaction, LogSource } from '../logs/types.ts'
import { PROJECTIONS, QUANTIZE, type Quantize } from '../model/contract.ts'
import { type OnnxModel, type OpenModelOptions, openModel } from '../model/onnx/open.ts'
import { toRead } from '../model/trainable.ts'
import { bestCheckpoint, checkpointPath, readGeneratorHeader } from '../run/read.ts'
import { refuseUntrusted, withoutNamed } from '../run/trust.ts'
import { type RedactOptions, redact } from '../safety/redact.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { refuseUnknown, requireOptions } from '../util/required.ts'
import { DEFAULT_SETTINGS, profileSchema, promptSchema } from './config.ts'
import { generateProfiles } from './generate.ts'
import type { PromptBudget } from './history.ts'
import { type GeneratorSettings, generatorDigest, profileSeeds } from './profile-users.ts'

export interface OpenGeneratorOptions extends Pick<OpenModelOptions, 'device' | 'threads' | 'memory' | 'onProgress'> {
  /** Integers that the matrices are read in, of a model that no run trained; default none. A run has its own. */
  quantize?: Quantize
  /** The base model of an adapter folder; default: what its adapter_config.json names. */
  model?: string
  /** Words and budgets of the prompt; what is left out is as the run has it, else as a run's default. */
  prompt?: Partial<PromptBudget>
  /** Upper bound of a profile's tokens; default: as the run, else 96. */
  maxTokens?: number
  /** 0 is greedy; default: as the run, else 0. */
  temperature?: number
  /** Of the sampling, at a temperature above 0; default: as the run, else 1. */
  seed?: number
  /** People whose profiles are written at once, at most; fewer take less memory. Default: as many as are worth it. */
  users?: number
  /** Take SQL expressions of the run's logs although they were never used on this machine. */
  trust?: boolean
  /** Ends the opening with a CancelledError. */
  signal?: AbortSignal
}

const OPTIONS: readonly (keyof OpenGeneratorOptions)[] = [
  ...(['model', 'quantize', 'prompt', 'maxTokens', 'temperature', 'seed', 'users', 'trust'] as const),
  ...(['device', 'threads', 'memory', 'signal', 'onProgress'] as const),
]

/** An interaction as a caller gives it: its text, or an object with it. */
export type HistoryInput = readonly (string | Pick<Interaction, 'text'>)[]

/** A profile with where it comes from. */
export interface WrittenProfile {
  /** As the caller called the user; '' where only a history was given. */
  user: string
  profile: string
  /**
   * Indices into the history of the interactions that the generator saw, oldest first: the latest that fit its budget.
   */
  shown: number[]
  /** Tokens of the prompt, and of the profile as sampled. */
  tokens: { prompt: number; profile: number }
  /** Digest of the generator: equal digests and histories give equal profiles. */
  generator: string
}

/** A generator in use. Its model takes memory and a thread until `close`. */
export interface Generator {
  /** Digest of weights and settings: it changes when the generator is trained anew. */
  readonly digest: string
  readonly settings: GeneratorSettings
  readonly model: OnnxModel
  /** Digest of the weights alone. */
  readonly weights: string
  /**
   * The logs that the run was trained on; undefined without a run. Throws BumpError where they are mapped by SQL
   * expressions of somebody else and `trust` was not set.
   */
  readonly logs: LogSource | undefined
  /**
   * The profile of one person, interactions oldest first; with `previous`, that profile rewritten by interactions that
   * are new. Throws BumpError where none of them has a text (the model
   * would invent a person), or where they do not fit the model.
   */
  write(history: HistoryInput, options?: WriteOptions & { user?: string; previous?: string }): Promise<WrittenProfile>
  /** Profiles of many people in one go, in their order. */
  writeAll(users: readonly ProfiledPerson[], options?: WriteOptions): Promise<WrittenProfile[]>
  close(): Promise<void>
}

export interface ProfiledPerson {
  id: string
  history: HistoryInput
  /** The person's profile so far: it is rewritten by `history`, which is then what is new. */
  previous?: string
}

export interface WriteOptions {
  /**
   * Take personal data out of the profiles, as `redact` does (true: with its defaults). Default false: training and
   * evaluation judge what the model wrote.
   */
  redact?: boolean | RedactOptions
  signal?: AbortSignal
  /** Called now and then with the share of the work that is done, from 0 to 1; the longest profile counts. */
  onProgress?: (share: number) => void
}

/** What of a run's configuration decides how its generator writes. */
const runConfigSchema = z.object({
  model: z.string(),
  trainable: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('lora'),
      rank: z.number(),
      alpha: z.number(),
      targets: z.array(z.enum(PROJECTIONS)),
      rsLora: z.boolean(),
    }),
    z.object({ type: z.literal('full') }),
  ]),
  quantize: z.enum(QUANTIZE),
  engine: z.object({ type: z.string() }).optional(),
  // Without its own wording the generator would be asked something else than in training.
  prompt: promptSchema.unwrap().required().partial({ redact: true }),
  profile: profileSchema.unwrap().required(),
  seed: z.number(),
  logs: z.object({
    paths: z.array(z.string()),
    query: z.string().optional(),
    format: z.string().optional(),
    delimiter: z.string().optional(),
    quote: z.string().optional(),
    escape: z.string().optional(),
    headerLine: z.number().optional(),
    columns: z.array(z.string()).optional(),
    user: z.string().optional(),
    time: z.string().optional(),
    text: z.string().optional(),
    with: z.record(z.string(), z.string()).optional(),
  }),
})

/**
 * Opens a profile generator: `from` is a run folder of `bump train` (its best checkpoint), one of its
 * `checkpoints/step-N`, or a folder with a LoRA adapter in PEFT's form (`adapter_config.json`); `{ model }` is a model
 * as it is (a Hugging Face folder, a .gguf file or a hub name).
 *
 * ```ts
 * const generator = await openGenerator('runs/reviews')
 * const { profile } = await generator.write(['how I pruned my roses', 'beans on a trellis'])
 * await generator.close()
 * ```
 *
 * @throws BumpError `invalid-options` where an option has no usable value, `run-unusable` where there is no run, it has
 * no checkpoint or its base model is another one than it was trained on, `model-unusable` or `download-failed` where a
 * model cannot be opened; CancelledError where `signal` aborts
 */
export async function openGenerator(
  from: string | { model: string },
  options: OpenGeneratorOptions = {},
): Promise<Generator> {
  requireOptions('openGenerator()', { from }, ['from'])
  refuseUnknown('openGenerator()', options, OPTIONS)
  checkOptions(options)
  if (options.signal?.aborted) throw new CancelledError()
  if (typeof from === 'object') return await openUntrained(from.model, undefined, options)
  const checkpoint = options.model === undefined ? checkpointOf(from) : undefined
  if (checkpoint) return await openTrained(checkpoint.run, checkpoint.step, options)
  if (isAdapterFolder(from)) return await openUntrained(baseOf(from, options.model), from, options)
  return await openTrained(from, undefined, options)
}

/** The generator of a run, at a checkpoint of it; default: its best. */
async function openTrained(
  from: string,
  checkpoint: number | undefined,
  options: OpenGeneratorOptions,
): Promise<Generator> {
  const { config, modelDigest } = generatorOfRun(from)
  const step = checkpoint ?? bestCheckpoint(from)
  if (options.quantize !== undefined)
    throw new BumpError(
      'invalid-options',
      `quantize: ${from} was trained with quantize: ${config.quantize}, and is read so. Leave it out.`,
    )
  const { prompt, profile, seed } = config
  const settings = settingsOf({ prompt, ...profile, seed }, options)
  const model = await openModel(config.model, {
    ...engineOf(options, settings),
    trainable: toRead(config.trainable),
    quantize: config.quantize,
  })
  return await closedOnError(model, options.signal, async () => {
    // A server does not say what its weights are.
    if (config.engine === undefined && model.info.digest !== modelDigest)
      throw new BumpError(
        'run-unusable',
        `${config.model} is not the model that ${from} was trained on: its content has changed.`,
      )
    await model.loadPolicy(checkpointPath(from, step))
    options.onProgress?.(`generator: ${from}, ${checkpoint === undefined ? 'best ' : ''}checkpoint step-${step}`)
    return generatorOn(model, settings, () => logsOfRun(from, { trust: options.trust }))
  })
}

/** Whether a folder holds a LoRA adapter in PEFT's form. */
export function isAdapterFolder(folder: string): boolean {
  return existsSync(join(folder, 'adapter_config.json'))
}

/** A model that no run trained, with an adapter on it or as it is. */
async function openUntrained(
  name: string,
  adapter: string | undefined,
  options: OpenGeneratorOptions,
): Promise<Generator> {
  const settings = settingsOf(DEFAULT_SETTINGS, options)
  const model = await openModel(name, { ...engineOf(options, settings), quantize: options.quantize })
  return await closedOnError(model, options.signal, async () => {
    if (adapter !== undefined) await model.loadPolicy(adapter)
    return generatorOn(model, settings, () => undefined)
  })
}

/** Tokens of a prompt besides its interactions, more than the usual wording has. */
const WORDING = 100

function engineOf(options: OpenGeneratorOptions, { prompt }: GeneratorSettings): OpenModelOptions {
  const { device, threads, memory, signal, onProgress, users = Number.POSITIVE_INFINITY } = options
  const promptTokens = users * (prompt.historyTokens + WORDING)
  return { device, threads, memory, promptTokens, signal, onProgress }
}

function generatorOfRun(run: string): { config: z.infer<typeof runConfigSchema>; modelDigest: string } {
  const header = readGeneratorHeader(run)
  const config = runConfigSchema.safeParse(header.config)
  const { digest } = header.model
  if (config.success && typeof digest === 'string') return { config: config.data, modelDigest: digest }
  throw new BumpError(
    'run-unusable',
    `${join(run, 'config.json')} was written by another version of bump: train the run anew.`,
  )
}

/**
 * The logs that a run was trained on, with what the caller names in their place: other paths, other columns. Throws
 * BumpError where there is no such run, or where its record brings SQL expressions along that were never used on this
 * machine, the caller names no others, and `trust` is not set.
 */
export function logsOfRun(
  run: string,
  { own = {}, trust }: { own?: Partial<LogSource>; trust?: boolean } = {},
): LogSource {
  const { user, time, text, with: tables, ...files } = generatorOfRun(run).config.logs
  const { user: ownUser, time: ownTime, text: ownText, with: ownTables, ...ownFiles } = own
  const mapping = { user, time, text, with: tables }
  const named = { user: ownUser, time: ownTime, text: ownText, with: ownTables }
  const theirs = ownFiles.paths ? mapping : { ...mapping, ...files }
  refuseUntrusted(withoutNamed(theirs, own), join(run, 'config.json'), trust)
  // Other files may be written otherwise than the run's.
  const { paths, ...written } = ownFiles
  return {
    ...defined({ ...mapping, ...defined(named), with: (tables || ownTables) && { ...tables, ...ownTables } }),
    ...(paths ? { paths } : files),
    ...defined(written),
  }
}

/**
 * Which checkpoint of which run a folder is; undefined where it is none. An adapter alone would lose the run's prompt.
 */
function checkpointOf(folder: string): { run: string; step: number } | undefined {
  const step = /^step-(\d+)$/.exec(basename(resolve(folder)))?.[1]
  const run = join(folder, '..', '..')
  const stands = basename(dirname(resolve(folder))) === 'checkpoints' && existsSync(join(run, 'config.json'))
  return step !== undefined && stands && existsSync(folder) ? { run, step: Number(step) } : undefined
}

/** The options that decide how the generator writes. */
const settingsSchema = z.strictObject({
  prompt: z.strictObject(promptSchema.unwrap().shape).partial().optional(),
  maxTokens: profileSchema.unwrap().shape.maxTokens.optional(),
  temperature: profileSchema.unwrap().shape.temperature.optional(),
  seed: z.int().min(0).optional(),
  users: z.int().min(1).optional(),
})

/** Throws BumpError `invalid-options` with every option that has no usable value. */
function checkOptions({ prompt, maxTokens, temperature, seed, users }: OpenGeneratorOptions): void {
  const checked = settingsSchema.safeParse({ prompt, maxTokens, temperature, seed, users })
  if (checked.success) return
  const problems = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new BumpError('invalid-options', `openGenerator(): ${problems.join('; ')}`)
}

/** The base model of an adapter. Throws BumpError where neither the caller nor the adapter names one. */
function baseOf(adapter: string, named: string | undefined): string {
  if (named !== undefined) return named
  try {
    const config = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'))
    const { base_model_name_or_path: base, revision } = config
    const ofHub = typeof revision === 'string' && revision !== '' && !existsSync(base)
    if (typeof base === 'string' && base !== '') return ofHub ? `${base}@${revision}` : base
  } catch {}
  throw new BumpError(
    'invalid-options',
    `${adapter} does not name the model that it belongs to: give it as the option model`,
  )
}

/** The settings of a run, or the defaults, with those of the caller over them. */
function settingsOf(under: GeneratorSettings, options: OpenGeneratorOptions): GeneratorSettings {
  return {
    prompt: { ...under.prompt, ...defined(options.prompt ?? {}) },
    maxTokens: options.maxTokens ?? under.maxTokens,
    temperature: options.temperature ?? under.temperature,
    seed: options.seed ?? under.seed,
  }
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}

async function closedOnError<T>(model: OnnxModel, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    if (signal?.aborted) throw new CancelledError()
    return await work()
  } catch (error) {
    await model.close()
    throw error
  }
}

/** Throws BumpError where a caller without types gives something else than a list of texts. */
function checkHistory(history: HistoryInput): void {
  const hasText = (entry: HistoryInput[number]) => typeof entry === 'string' || typeof entry?.text === 'string'
  if (Array.isArray(history) && history.every(hasText)) return
  throw new BumpError(
    'invalid-options',
    "a history is a list of interactions, oldest first, each a text or an object with one: ['a text', { text: 'another' }]",
  )
}

/** What becomes of a profile. Throws BumpError where an option of it has no usable value, before anything is written. */
function redaction(options: boolean | RedactOptions): (profile: string) => string {
  if (options === false) return (profile) => profile
  const chosen = options === true ? {} : options
  redact('', chosen)
  return (profile) => redact(profile, chosen).text
}

async function generatorOn(
  model: OnnxModel,
  settings: GeneratorSettings,
  logs: () => LogSource | undefined,
): Promise<Generator> {
  const weights = await model.policyDigest()
  const digest = generatorDigest(weights, settings)
  const writeAll: Generator['writeAll'] = async (users, { redact: personal = false, signal, onProgress } = {}) => {
    const said = redaction(personal)
    for (const { history } of users) checkHistory(history)
    const histories = users.map(({ id, history, previous }) => ({
      id,
      previous,
      history: history.map((entry) => (typeof entry === 'string' ? { text: entry } : entry)),
    }))
    for (const { id, history } of histories)
      if (history.every(({ text }) => text.trim() === ''))
        throw new BumpError(
          'invalid-options',
          `the history ${id === '' ? '' : `of user ${id} `}has no interaction with text: there is nobody to write a profile of`,
        )
    const generated = await generateProfiles(model, histories, {
      ...settings,
      seeds: profileSeeds(settings.seed),
      signal,
      onProgress: onProgress && ((tokens) => onProgress(tokens / (users.length * settings.maxTokens))),
    })
    return generated.map(({ user, prompt, shownIndices, profiles, completions }) => ({
      user,
      profile: said(profiles[0]),
      shown: shownIndices,
      tokens: { prompt: prompt.length, profile: completions[0].tokens.length },
      generator: digest,
    }))
  }
  return {
    digest,
    settings,
    model,
    weights,
    get logs() {
      return logs()
    },
    writeAll,
    write: async (history, { user = '', previous, ...options } = {}) =>
      (await writeAll([{ id: user, history, previous }], options))[0],
    close: () => model.close(),
  }
}
