// The nano world: synthetic people with interests and tastes, the records they leave, and profiles of them of varying
// truth. The nano model learns it; the example log comes from it. Everything derives from seeds.
// Flow: topics.ts -> world.ts -> documents.ts (training text) and example-log.ts.
import { seedFrom, shuffled, uniform } from '../../src/util/random.ts'
import { OPENERS, PROFILE_OPENERS, TOPICS, TRAITS, VAGUE_INTERESTS, VAGUE_TASTES } from './topics.ts'

/** Disjoint populations: no combination of interests occurs in two of them. */
export type Population = 'training' | 'check' | 'example'

export interface Person {
  /** Indices into TOPICS, strongest first. */
  interests: number[]
  /** [interest] indices of the things this person cares for most. */
  favourites: number[][]
  /** [trait] index of the value, or undefined where the trait does not show. */
  traits: (number | undefined)[]
}

/** How far a profile tells the truth about a person. */
export type Truth = 'true' | 'partial' | 'vague' | 'wrong'

/** Relative frequency of records of the first, second, … interest. */
const INTEREST_WEIGHTS = [4, 3, 3, 2]
const NOISE_SHARE = 0.12
const FAVOURITE_SHARE = 0.8
const FAVOURITES = 4
const TRAIT_SHARE = 0.55
/**
 * How often a vague profile begins with the vaguest words: often enough to be what a model says if not taught better.
 */
const MOST_VAGUE_SHARE = 0.6

type Random = () => number

function below(next: Random, n: number): number {
  return Math.floor(next() * n)
}

function pick<T>(next: Random, items: readonly T[]): T {
  return items[below(next, items.length)]
}

/** The index that the uniform number `u` picks when index i has weight `weights[i]`. */
export function drawByWeight(weights: readonly number[], u: number): number {
  let at = u * weights.reduce((a, b) => a + b, 0)
  for (let i = 0; i < weights.length; i++) {
    at -= weights[i]
    if (at < 0) return i
  }
  return weights.length - 1
}

function indices(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i)
}

/** Which population may have people with exactly these interests. */
export function populationOf(interests: readonly number[]): Population {
  const bucket = seedFrom('nano population', ...[...interests].sort((a, b) => a - b)) % 10
  return bucket === 8 ? 'check' : bucket === 9 ? 'example' : 'training'
}

/** Person number `index` of a population, determined by population, seed and index. */
export function makePerson(population: Population, seed: number, index: number): Person {
  for (let attempt = 0; ; attempt++) {
    const personSeed = seedFrom('nano person', population, seed, index, attempt)
    const next = uniform(personSeed)
    const count = [2, 3, 3, 3, 4][below(next, 5)]
    const interests = shuffled(indices(TOPICS.length), seedFrom('interests', personSeed)).slice(0, count)
    if (populationOf(interests) !== population) continue
    const favourites = interests.map((topic) =>
      shuffled(indices(TOPICS[topic].things.length), seedFrom('favourites', topic, personSeed)).slice(0, FAVOURITES),
    )
    const shown = shuffled(indices(TRAITS.length), seedFrom('traits', personSeed)).slice(0, 1 + below(next, 2))
    const traits = TRAITS.map((values, t) => (shown.includes(t) ? below(next, values.length) : undefined))
    return { interests, favourites, traits }
  }
}

function sentence(topic: number, thingIndices: readonly number[], phrases: readonly string[], next: Random): string {
  const { things, settings } = TOPICS[topic]
  const named = thingIndices.map((i) => things[i])
  const [inline, ...after] = phrases
  const place = pick(next, settings)
  const parts = [`${pick(next, OPENERS)} ${named.join(' and ')} ${place}`]
  if (inline !== undefined) parts.push(inline)
  return `${[...parts, ...after].join(', ')}.`
}

/** Words of a record as a reader counts them. */
export function wordCount(text: string): number {
  return text.trim().split(/\s+/).length
}

function record(person: Person, next: Random): string {
  const noise = next() < NOISE_SHARE
  const weights = INTEREST_WEIGHTS.slice(0, person.interests.length)
  const slot = drawByWeight(weights, next())
  const topic = noise ? below(next, TOPICS.length) : person.interests[slot]
  const choices = shuffled(indices(TOPICS[topic].things.length), below(next, 2 ** 31))
  if (!noise && next() < FAVOURITE_SHARE) {
    const liked = shuffled(person.favourites[slot], below(next, 2 ** 31))
    choices.unshift(...liked.slice(0, 2))
  }
  const phrases: string[] = []
  TRAITS.forEach((values, t) => {
    const value = person.traits[t]
    if (!noise && value !== undefined && next() < TRAIT_SHARE) phrases.push(pick(next, values[value].phrases))
  })
  const two = phrases.length < 2 && next() < 0.5
  const text = sentence(topic, choices.slice(0, two ? 2 : 1), phrases, next)
  return wordCount(text) < 6 ? sentence(topic, choices.slice(0, 2), phrases, next) : text
}

/** `count` records of a person, 6 to 18 words each, no two alike; about one in eight is of no interest of theirs. */
export function makeRecords(person: Person, count: number, seed: number): string[] {
  const next = uniform(seedFrom('nano records', seed))
  const out = new Set<string>()
  while (out.size < count) out.add(record(person, next))
  return [...out]
}

function interestList(items: readonly string[]): string {
  return items.length === 1 ? items[0] : `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`
}

function named(topic: number, liked: readonly number[], next: Random): string {
  const { name, things } = TOPICS[topic]
  return next() < 0.4
    ? `${name} (${liked
        .slice(0, 1 + below(next, 2))
        .map((i) => things[i])
        .join(', ')})`
    : name
}

function truly(person: Person, next: Random): string[] {
  const items = person.interests.map((topic, slot) =>
    named(topic, shuffled(person.favourites[slot], below(next, 2 ** 31)), next),
  )
  return shuffled(items, below(next, 2 ** 31))
}

function tastesOf(person: Person): string[] {
  return TRAITS.flatMap((values, t) => {
    const value = person.traits[t]
    return value === undefined ? [] : [values[value].profile]
  })
}

function someoneElse(person: Person, next: Random): Person {
  for (;;) {
    const other = makePerson('training', below(next, 2 ** 31), 0)
    if (other.interests.every((topic) => !person.interests.includes(topic))) return other
  }
}

/**
 * A profile of a person, two sentences. `true` names all interests, some favourite things and the tastes; `partial`
 * mixes true interests with wrong or vague ones; `vague` would fit anyone; `wrong` is someone else's. All begin alike,
 * so that a model cannot choose the truth by its first word.
 */
export function writeProfile(person: Person, truth: Truth, seed: number): string {
  const next = uniform(seedFrom('nano profile', truth, seed))
  const opener = pick(next, PROFILE_OPENERS)
  const mixedVague = shuffled(VAGUE_INTERESTS, below(next, 2 ** 31))
  const vague = next() < MOST_VAGUE_SHARE ? [...new Set([VAGUE_INTERESTS[0], ...mixedVague])] : mixedVague
  const vagueTastes = shuffled(VAGUE_TASTES, below(next, 2 ** 31)).slice(0, 1 + below(next, 2))
  const lines: [string[], string[]] = (() => {
    if (truth === 'vague') return [vague.slice(0, 1 + below(next, 2)), vagueTastes]
    const other = someoneElse(person, next)
    if (truth === 'wrong') return [truly(other, next), tastesOf(other)]
    if (truth === 'true') return [truly(person, next), tastesOf(person)]
    const wrong = next() < 0.5 ? truly(other, next).slice(0, 1 + below(next, 2)) : vague.slice(0, 1)
    const mixed = shuffled([...truly(person, next).slice(0, 1), ...wrong], below(next, 2 ** 31))
    return [mixed, next() < 0.4 ? tastesOf(person) : next() < 0.5 ? tastesOf(other) : vagueTastes]
  })()
  return `${opener} ${interestList(lines[0])}. Prefers ${interestList(lines[1])}.`
}
