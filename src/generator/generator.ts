// A profile generator in use, whoever provides its model: what a product holds.
import type { Interaction, LogSource } from '../logs/types.ts'
import { type RedactOptions, redact } from '../safety/redact.ts'
import { BumpError } from '../util/errors.ts'
import { type ProfileModel, singleProfiles } from './generate.ts'
import { type GeneratorSettings, generatorDigest, profileSeed } from './profile-users.ts'

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

/** A generator in use, whoever provides its model. */
export interface ProfileGenerator {
  /** Digest of weights and settings: it changes when the generator is trained anew. */
  readonly digest: string
  readonly settings: GeneratorSettings
  readonly model: ProfileModel
  /** Digest of the weights alone; of a text model, its identity. */
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

export interface GeneratorParts {
  settings: GeneratorSettings
  weights: string
  logs: () => LogSource | undefined
  close: () => Promise<void>
}

/** A generator on a model that is open. */
export function generatorOn<M extends ProfileModel>(model: M, { settings, weights, logs, close }: GeneratorParts) {
  const digest = generatorDigest(weights, settings)
  const writeAll: ProfileGenerator['writeAll'] = async (
    users,
    { redact: personal = false, signal, onProgress } = {},
  ) => {
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
    const written = await singleProfiles(model, histories, {
      ...settings,
      seed: profileSeed(settings.seed),
      signal,
      onProgress: onProgress && ((tokens) => onProgress(tokens / (users.length * settings.maxTokens))),
    })
    return written.map(({ user, profile = '', shownIndices, tokens }) => ({
      ...{ user, profile: said(profile), shown: shownIndices, tokens, generator: digest },
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
    close,
  } satisfies ProfileGenerator & { model: M }
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
