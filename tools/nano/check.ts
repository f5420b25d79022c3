// Measures a nano model on people it has never seen: can the likelihood judge tell true profiles from others, and what
// are sampled profiles worth? Run by main.ts after pre-training, on a model opened from the finished folder.

import { rawHistory } from '../../src/evaluate/measure/controls.ts'
import { NANO_WORDING, profilePrompt } from '../../src/generator/prompt.ts'
import { createJudge } from '../../src/judge/judge.ts'
import type { LanguageModel } from '../../src/model/contract.ts'
import { seedFrom, shuffled } from '../../src/util/random.ts'
import { MOSTLY_TRUE, makeBatch } from './documents.ts'
import { makePerson, makeRecords, type Truth, writeProfile } from './world.ts'

const NEGATIVES = 8
/** As training's, so that the raw history is the one that evaluations know. */
const BUDGET = { historyTokens: 300, interactionTokens: 48 }
const HISTORY = 12

/** Mean NDCG in both directions. */
interface Ndcg {
  forward: number
  backward: number
}

interface SelfCheck {
  /** Value of a random order of one positive among NEGATIVES others. */
  chance: number
  /** What the likelihood judge makes of profiles whose truth is known, and of the history itself. */
  known: Record<Truth | 'history', Ndcg>
  /** Profiles that the model itself writes: their mean, and the mean over people of the best of the samples. */
  sampled: { mean: Ndcg; best: Ndcg }
  samples: { records: string[]; profiles: string[] }[]
}

interface CheckedPerson {
  history: string[]
  heldOut: string
}

const textsOf = (history: readonly string[]) => history.map((text) => ({ text }))

/** NDCG of candidate 0 among the scores, ties at the middle of their ranks. */
function ndcgOfFirst(scores: readonly number[]): number {
  const above = scores.filter((score) => score > scores[0]).length
  const equal = scores.filter((score) => score === scores[0]).length - 1
  return 1 / Math.log2(above + equal / 2 + 2)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/**
 * NDCG of one profile a person: forward against the held-out records of NEGATIVES other people, backward against their
 * profiles. [person] of each direction.
 */
async function rankProfiles(
  model: LanguageModel,
  people: readonly CheckedPerson[],
  profiles: readonly string[],
  seed: number,
): Promise<Ndcg[]> {
  const judge = createJudge(model, { scorer: 'likelihood', maxProfileTokens: 300, maxInteractionTokens: 64 })
  const everyone = people.map((_, i) => i)
  const pools = everyone.map((i) => [
    i,
    ...shuffled(everyone, seedFrom('check pool', seed, i))
      .filter((other) => other !== i)
      .slice(0, NEGATIVES),
  ])
  const { forward, backward } = await judge.score({
    forward: pools.map((pool, i) => ({ query: profiles[i], candidates: pool.map((j) => people[j].heldOut), seed })),
    backward: pools.map((pool, i) => ({ query: people[i].heldOut, candidates: pool.map((j) => profiles[j]), seed })),
  })
  return everyone.map((i) => ({ forward: ndcgOfFirst(forward[i][0]), backward: ndcgOfFirst(backward[i][0]) }))
}

function meanNdcg(values: readonly Ndcg[]): Ndcg {
  return { forward: mean(values.map((v) => v.forward)), backward: mean(values.map((v) => v.backward)) }
}

/** Runs the whole check on `count` people of the check population, with `draws` sampled profiles each. */
export async function selfCheck(model: LanguageModel, count = 96, draws = 4, seed = 1): Promise<SelfCheck> {
  const persons = Array.from({ length: count }, (_, i) => makePerson('check', seed, i))
  const people = persons.map((person, i) => {
    const [heldOut, ...history] = makeRecords(person, HISTORY + 1, seedFrom('check records', seed, i))
    return { history, heldOut }
  })
  const ndcg = (profiles: readonly string[]) => rankProfiles(model, people, profiles, seed)
  const written = async (truth: Truth) =>
    meanNdcg(await ndcg(persons.map((person, i) => writeProfile(person, truth, seedFrom('check profile', seed, i)))))

  const known = {
    true: await written('true'),
    partial: await written('partial'),
    vague: await written('vague'),
    wrong: await written('wrong'),
    history: meanNdcg(await ndcg(people.map(({ history }) => rawHistory(textsOf(history), model.tokenizer, BUDGET)))),
  }
  const completions = await model.sample(
    people.map(({ history }, i) => ({
      prompt: model.tokenizer.chat(profilePrompt(history, NANO_WORDING)),
      seeds: Array.from({ length: draws }, (_, d) => seedFrom('check sample', seed, i, d)),
    })),
    { maxTokens: 48 },
  )
  const profiles = completions.map((row) => row.map(({ tokens }) => model.tokenizer.decode(tokens).trim()))
  const byDraw: Ndcg[][] = []
  for (let d = 0; d < draws; d++) byDraw.push(await ndcg(profiles.map((row) => row[d])))
  const best = people.map((_, i) => ({
    forward: Math.max(...byDraw.map((row) => row[i].forward)),
    backward: Math.max(...byDraw.map((row) => row[i].backward)),
  }))
  const ranks = Array.from({ length: NEGATIVES + 1 }, (_, r) => 1 / Math.log2(r + 2))
  return {
    chance: mean(ranks),
    known,
    sampled: { mean: meanNdcg(byDraw.flat()), best: meanNdcg(best) },
    samples: people.slice(0, 3).map(({ history }, i) => ({ records: history, profiles: profiles[i] })),
  }
}

/** The check as lines of text. */
export function describeCheck(check: SelfCheck): string[] {
  const row = (name: string, { forward, backward }: Ndcg) =>
    `  ${name.padEnd(28)} ${forward.toFixed(3).padStart(8)} ${backward.toFixed(3).padStart(9)}`
  return [
    'NDCG on unseen people          forward  backward',
    row('chance', { forward: check.chance, backward: check.chance }),
    ...Object.entries(check.known).map(([name, value]) =>
      row(name === 'history' ? 'raw history' : `${name} profile`, value),
    ),
    row('sampled profiles, mean', check.sampled.mean),
    row('sampled profiles, best of 4', check.sampled.best),
    ...check.samples.flatMap(({ records, profiles }) => [
      '',
      ...records.map((text) => `  - ${text}`),
      ...profiles.map((text) => `  => ${text}`),
    ]),
  ]
}

/**
 * Mean negative log-likelihood (nats a token) of the current policy on unseen people's documents, for the kinds that
 * bump asks a model for.
 */
export async function heldOutLoss(model: LanguageModel, seed = 1): Promise<Record<string, number>> {
  const options = { population: 'check', seed, mixture: MOSTLY_TRUE, historyLength: [12, 12] } as const
  const losses: Record<string, number> = {}
  for (const { kind, groups } of makeBatch(model.tokenizer, seed, options)) {
    if (kind === 'whole') continue
    const scored = await model.score(
      groups.map(({ prompt, completions }) => ({ prefix: prompt, continuations: completions.map((c) => c.tokens) })),
    )
    const logprobs = scored.flat().flatMap((row) => [...row])
    losses[kind] = -mean(logprobs)
  }
  return losses
}
