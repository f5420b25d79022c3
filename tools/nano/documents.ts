// Training text of the nano model, in exactly the forms in which bump uses a model: profiles after the profile prompt,
// interactions after the judge's prefixes. Flow: world.ts -> documents.ts -> pretrain.ts.

import { NANO_WORDING, profilePrompt } from '../../src/generator/prompt.ts'
import { likelihoodPrefix, UNCONDITIONAL_PREFIX } from '../../src/judge/prompts.ts'
import type { Tokenizer, TrainGroup } from '../../src/model/contract.ts'
import { seedFrom, shuffled, uniform } from '../../src/util/random.ts'
import {
  drawByWeight,
  makePerson,
  makeRecords,
  type Person,
  type Population,
  type Truth,
  writeProfile,
} from './world.ts'

/** Shares of truth in profiles after the profile prompt. */
export type TruthMixture = Record<Truth, number>

/** Early in training: the model learns to find interests in a history. */
export const MOSTLY_TRUE: TruthMixture = { true: 0.8, partial: 0.1, vague: 0.05, wrong: 0.05 }
/** Late in training: what zero-shot profiles come to, mediocre on average, good now and then. */
export const MEDIOCRE: TruthMixture = { true: 0.2, partial: 0.3, vague: 0.35, wrong: 0.15 }
/** In the judge's documents: a judge expects profiles to be true. */
const JUDGED: TruthMixture = { true: 0.85, partial: 0.1, vague: 0.05, wrong: 0 }

/**
 * profile: the profile prompt, then profiles of varying truth. whole: the same as one text, learned from its first
 * token. likelihood: the judge's prefix with a profile, then records of that person. history: the same with records in
 * the place of the profile (the raw history as query). unconditional: the judge's prefix without a profile, then
 * records of anyone.
 */
export type DocumentKind = 'profile' | 'whole' | 'likelihood' | 'history' | 'unconditional'

export interface DocumentOptions {
  population: Population
  seed: number
  mixture: TruthMixture
  /** Records of a history, drawn from [low, high]. */
  historyLength: readonly [number, number]
}

/** Groups of one kind in a batch, and completions in each of them. */
const RECIPE: Record<DocumentKind, { groups: number; completions: number }> = {
  profile: { groups: 10, completions: 6 },
  whole: { groups: 3, completions: 1 },
  likelihood: { groups: 12, completions: 6 },
  history: { groups: 3, completions: 4 },
  unconditional: { groups: 1, completions: 24 },
}

/** Every kind of document, in the order in which a batch is worked through. */
export const DOCUMENT_KINDS = Object.keys(RECIPE) as DocumentKind[]

/** A truth level drawn by the mixture's shares. */
export function drawTruth(mixture: TruthMixture, u: number): Truth {
  const levels = Object.keys(mixture) as Truth[]
  return levels[drawByWeight(Object.values(mixture), u)]
}

interface Encoder {
  tokenizer: Tokenizer
  end: number
}

function encoderOf(tokenizer: Tokenizer): Encoder {
  return { tokenizer, end: tokenizer.stopTokens[0] }
}

function plainPrefix({ tokenizer }: Encoder, text: string): number[] {
  return [...(tokenizer.bosToken === undefined ? [] : [tokenizer.bosToken]), ...tokenizer.encode(text.trimEnd())]
}

function group(prompt: readonly number[], completions: readonly (readonly number[])[]): TrainGroup {
  return {
    prompt,
    completions: completions.map((tokens) => ({
      tokens,
      advantage: 0,
      weights: new Float32Array(tokens.length).fill(1),
    })),
  }
}

/**
 * One group of the kind with `completions` completions; every token of a completion has weight 1, the end token
 * included, and the prompt is not learned.
 */
export function makeGroup(
  kind: DocumentKind,
  tokenizer: Tokenizer,
  completions: number,
  seed: number,
  options: DocumentOptions,
): TrainGroup {
  const encoder = encoderOf(tokenizer)
  const next = uniform(seedFrom('nano group', kind, seed))
  const draw = () => Math.floor(next() * 2 ** 31)
  const [low, high] = options.historyLength
  const somebody = (): Person => makePerson(options.population, options.seed, draw())
  const person = somebody()
  const many = <T>(make: (i: number) => T): T[] => Array.from({ length: completions }, (_, i) => make(i))
  const profile = (mixture: TruthMixture) => writeProfile(person, drawTruth(mixture, next()), draw())
  const answer = (text: string) => [...tokenizer.encode(text), encoder.end]

  const historyLength = low + Math.floor(next() * (high - low + 1))
  switch (kind) {
    case 'profile':
    case 'whole': {
      const prompt = tokenizer.chat(profilePrompt(makeRecords(person, historyLength, draw()), NANO_WORDING))
      if (kind === 'profile')
        return group(
          prompt,
          many(() => answer(profile(options.mixture))),
        )
      return group(
        prompt.slice(0, 1),
        many(() => [...prompt.slice(1), ...answer(profile(options.mixture))]),
      )
    }
    case 'likelihood':
    case 'history': {
      const records = makeRecords(person, historyLength + completions, draw())
      const query = kind === 'history' ? records.slice(completions).join('\n') : profile(JUDGED)
      const heldOut = records.slice(0, completions)
      return group(
        plainPrefix(encoder, likelihoodPrefix(query)),
        heldOut.map((text) => answer(` ${text}`)),
      )
    }
    case 'unconditional':
      return group(
        plainPrefix(encoder, UNCONDITIONAL_PREFIX),
        many(() => answer(` ${makeRecords(somebody(), 1, draw())[0]}`)),
      )
  }
}

/**
 * The groups of one optimiser step by kind (groups of one kind are of like length). Weights are divided by the step's
 * completion tokens, so that the cross entropies of the kinds add up to the mean loss a token.
 */
export function makeBatch(
  tokenizer: Tokenizer,
  seed: number,
  options: DocumentOptions,
): { kind: DocumentKind; groups: TrainGroup[] }[] {
  const batch = DOCUMENT_KINDS.map((kind) => {
    const { groups, completions } = RECIPE[kind]
    const make = (i: number) => makeGroup(kind, tokenizer, completions, seedFrom('nano batch', seed, kind, i), options)
    return { kind, groups: Array.from({ length: groups }, (_, i) => make(i)) }
  })
  const completions = batch.flatMap(({ groups }) => groups).flatMap((one) => one.completions)
  const tokens = completions.reduce((sum, one) => sum + one.tokens.length, 0)
  for (const one of completions) one.weights.fill(1 / tokens)
  return batch
}

/** Texts that hold every word of the world about as often as the documents do: what the tokenizer is trained on. */
export function* tokenizerTexts(seed: number): Generator<string> {
  for (let i = 0; i < 1500; i++) {
    const person = makePerson('training', seed, i)
    const records = makeRecords(person, 8, seedFrom('tokenizer', seed, i))
    for (const { content } of profilePrompt(records, NANO_WORDING)) yield content
    for (const truth of shuffled(['true', 'partial', 'vague'] as const, i)) {
      const profile = writeProfile(person, truth, seedFrom('tokenizer', seed, i, truth))
      yield profile
      yield `${likelihoodPrefix(profile)}${records[0]}`
    }
    yield `${UNCONDITIONAL_PREFIX}${records[1]}`
  }
}
