// Profiles of users: prompts built, completions sampled, texts cleaned. Used by the GRPO loop for its rollouts, by
// validation, and by `bump profile`.

import type { Interaction } from '../logs/types.ts'
import type { Completion, LanguageModel, Tokenizer, WeightSet } from '../model/contract.ts'
import { cutText } from '../model/cut.ts'
import { estimatingTokenizer } from '../model/openai/estimate.ts'
import type { TextModel } from '../model/text-model.ts'
import { BumpError } from '../util/errors.ts'
import { cleanProfile } from './clean.ts'
import { buildProfilePrompt, type ProfilePrompt, type PromptBudget } from './history.ts'

export interface GenerateOptions {
  prompt: PromptBudget
  /** Upper bound of a profile's tokens, the stop token included. */
  maxTokens: number
  /** 0 is greedy. */
  temperature: number
  /** One profile for each seed. */
  seeds: (userId: string) => number[]
  /** Default 'policy'. */
  weights?: WeightSet
  signal?: AbortSignal
  /** Called now and then with the tokens sampled so far. */
  onProgress?: (tokens: number) => void
}

/** The profiles of one user, [seed]. */
export interface GeneratedProfiles {
  user: string
  /** Ids that the generator saw. */
  prompt: number[]
  /** The interactions in the prompt, oldest first, as they stand there. */
  shown: string[]
  /** Which of the history they are. */
  shownIndices: number[]
  /** [seed] cleaned texts. */
  profiles: string[]
  /** [seed] what was sampled. */
  completions: Completion[]
}

/** What a profile is written from. */
export interface ProfileInput {
  /** Oldest first; what is new, where there is a profile already. */
  history: readonly Pick<Interaction, 'text'>[]
  /** The profile so far, which is rewritten; at most a profile's tokens of it are read. */
  previous?: string
}

/** The prompt of one user. */
export function promptOf(
  { history, previous = '' }: ProfileInput,
  tokenizer: Tokenizer,
  { prompt, maxTokens }: Pick<GenerateOptions, 'prompt' | 'maxTokens'>,
): ProfilePrompt {
  const known = cutText(tokenizer, previous.trim(), maxTokens)
  return buildProfilePrompt(history, tokenizer, prompt, known === '' ? undefined : known)
}

/**
 * Samples profiles for each user from their history, all users in one call of the model.
 * Throws BumpError where a prompt and a profile do not fit the model's context.
 */
export async function generateProfiles(
  model: LanguageModel,
  users: readonly (ProfileInput & { id: string })[],
  options: GenerateOptions,
): Promise<GeneratedProfiles[]> {
  const prompts = users.map((user) => promptOf(user, model.tokenizer, options))
  const longest = Math.max(0, ...prompts.map(({ tokens }) => tokens.length))
  if (longest + options.maxTokens > model.info.contextLength)
    throw new BumpError(
      'context-exceeded',
      `A prompt of ${longest} tokens and a profile of ${options.maxTokens} do not fit the ${model.info.contextLength} tokens of ${model.info.name}. Lower prompt.historyTokens (now ${options.prompt.historyTokens}) or profile.maxTokens.`,
    )
  const requests = users.map((user, u) => ({ prompt: prompts[u].tokens, seeds: options.seeds(user.id) }))
  const { maxTokens, temperature, weights, signal, onProgress } = options
  const completions = await model.sample(requests, { maxTokens, temperature, weights, signal, onProgress })
  return users.map((user, u) => ({
    user: user.id,
    prompt: prompts[u].tokens,
    shown: prompts[u].texts,
    shownIndices: prompts[u].indices,
    profiles: completions[u].map((completion) => cleanProfile(model.tokenizer.decode(completion.tokens))),
    completions: completions[u],
  }))
}

/** What writes profiles: a language model here, or a model that is asked in words, such as one on a server. */
export type ProfileModel = LanguageModel | TextModel

/** Whether a model is asked in words. */
export const isTextModel = (model: ProfileModel): model is TextModel => 'answer' in model

/** The one profile of a user. */
export interface SingleProfile {
  user: string
  /** undefined where a server gave none. */
  profile: string | undefined
  /** The interactions in the prompt, oldest first, as they stand there. */
  shown: string[]
  /** Which of the history they are. */
  shownIndices: number[]
  /** Of the prompt, and of the profile as sampled; of a text model about so many. */
  tokens: { prompt: number; profile: number }
}

export interface SingleProfileOptions extends Omit<GenerateOptions, 'seeds'> {
  seed: (userId: string) => number
  /** Called for a user of whom a server gave no profile, which ends the call without it. */
  onUnanswered?: (userId: string, why: BumpError) => void
}

/** One profile for each user. Throws what `generateProfiles` or the text model throws. */
export async function singleProfiles(
  model: ProfileModel,
  users: readonly (ProfileInput & { id: string })[],
  { seed, onUnanswered, ...options }: SingleProfileOptions,
): Promise<SingleProfile[]> {
  if (!isTextModel(model)) {
    const generated = await generateProfiles(model, users, { ...options, seeds: (user) => [seed(user)] })
    return generated.map(({ user, prompt, shown, shownIndices, profiles, completions }) => ({
      ...{ user, profile: profiles[0], shown, shownIndices },
      tokens: { prompt: prompt.length, profile: completions[0].tokens.length },
    }))
  }
  const { maxTokens, temperature, signal, onProgress } = options
  const tokenizer = estimatingTokenizer()
  const prompts = users.map((user) => promptOf(user, tokenizer, options))
  const unanswered = new Set<number>()
  const answers = await model.answer(
    prompts.map(({ messages }) => messages),
    {
      ...{ maxTokens, temperature, signal },
      seed: users.map(({ id }) => seed(id)),
      onProgress: onProgress && ((answered) => onProgress(answered * maxTokens)),
      onUnanswered:
        onUnanswered &&
        ((u, why) => {
          unanswered.add(u)
          onUnanswered(users[u].id, why)
        }),
    },
  )
  return users.map(({ id }, u) => ({
    user: id,
    profile: unanswered.has(u) ? undefined : cleanProfile(answers[u]),
    shown: prompts[u].texts,
    shownIndices: prompts[u].indices,
    tokens: { prompt: prompts[u].tokens.length, profile: model.countTokens(answers[u]) },
  }))
}
