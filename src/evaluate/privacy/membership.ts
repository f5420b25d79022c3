// Membership inference (docs/method.md §11): does an adapter tell whose histories it was trained on? The attacker has the
// adapter, the base and a person's interactions, and asks how much likelier the adapter makes that person's profile.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { promptOf } from '../../generator/generate.ts'
import { loadUsers } from '../../logs/load.ts'
import type { User } from '../../logs/types.ts'
import type { LanguageModel, TokenIds } from '../../model/contract.ts'
import { toRead } from '../../model/trainable.ts'
import { bestCheckpoint, checkpointPath, readRunUsers } from '../../run/read.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import { seedFrom, shuffled } from '../../util/random.ts'
import { mean } from '../../util/stats.ts'
import { cachedProfiles } from '../generated-profiles.ts'
import type { EvaluationModels, NamedModel } from '../profiles/models.ts'
import type { ResultTable } from '../result.ts'
import { type RocPoint, rocCurve, rocIntervals } from './roc.ts'

export interface MembershipOptions {
  models: EvaluationModels
  /** At most so many members, and as many others. */
  people: number
  seed: number
  /** Folder of what is kept between calls. */
  out: string
  signal?: AbortSignal
  onProgress?: (what: string, done: number, total: number) => void
}

/** Members and others of a side need so many people for a curve. */
const FEWEST = 4
/** Points of a curve that are kept for its drawing. */
const CURVE_POINTS = 200

/**
 * One table: rows are attacks, `n` their members. Undefined, with the reason, where the run has too few people of either
 * side. Throws BumpError where the run or its logs cannot be read, CancelledError where the signal aborts.
 */
export async function membershipTable(
  run: TrainedRun,
  options: MembershipOptions,
): Promise<{ table?: ResultTable; note?: string }> {
  const { models, people, seed } = options
  const { members, others, from } = await peopleOf(run, options.signal)
  const count = Math.min(people, members.length, others.length)
  if (count < FEWEST)
    return {
      note: `${run.folder}: no test of membership, which takes ${FEWEST} people of each side: ${members.length} stood in a step up to its best checkpoint, and of ${others.length} it is known that they did not.`,
    }
  const drawn = (users: readonly User[], side: string) =>
    shuffled(users, seedFrom(seed, 'membership', side)).slice(0, count)
  const sides = { members: drawn(members, 'members'), others: drawn(others, 'others') }
  const { model: name, trainable, quantize } = run.config
  const scores = await models.named(name, (model) => scoresOf(model, run, sides, options), {
    trainable: toRead(trainable),
    quantize,
  })
  return { table: tableOf(run, scores, from, seed) }
}

/** Log probability of a profile by the adapter minus that by the base, nats a token, of each side's people. */
interface AttackScores {
  key: string
  label: string
  members: number[]
  others: number[]
}

async function scoresOf(
  model: NamedModel,
  run: TrainedRun,
  { members, others }: Record<'members' | 'others', User[]>,
  { out, signal, onProgress }: MembershipOptions,
): Promise<AttackScores[]> {
  const { prompt, profile, seed } = run.config
  if (model.info.digest !== run.header.model.digest)
    throw new BumpError('run-unusable', `${run.config.model} is not the model that ${run.folder} was trained on.`)
  await model.loadPolicy(checkpointPath(run.folder, bestCheckpoint(run.folder)))
  const digests = { policy: await model.policyDigest(), base: model.info.digest }
  const users = [...members, ...others]
  const attacks: AttackScores[] = []
  for (const [weights, label] of [
    ['policy', 'likelihood of the trained profile'],
    ['base', 'likelihood of the zero-shot profile'],
  ] as const) {
    const found = await cachedProfiles(model, users, {
      settings: { prompt, maxTokens: profile.maxTokens, temperature: profile.temperature, seed },
      weights,
      digest: digests[weights],
      folder: join(out, 'profiles'),
      signal,
      onProgress: (done, total) => onProgress?.(`membership: profiles (${weights})`, done, total),
    })
    const ratios: number[] = []
    for (const [u, user] of users.entries()) {
      if (signal?.aborted) throw new CancelledError()
      const { tokens } = promptOf(user, model.tokenizer, { prompt, maxTokens: profile.maxTokens })
      ratios.push(await ratioOf(model, tokens, model.tokenizer.encode(found[u]), signal))
      onProgress?.(`membership: ${label}`, ratios.length, users.length)
    }
    attacks.push({
      key: weights,
      label,
      members: ratios.slice(0, members.length),
      others: ratios.slice(members.length),
    })
  }
  return attacks
}

/** 0 for an empty profile. */
async function ratioOf(
  model: LanguageModel,
  prefix: TokenIds,
  profile: TokenIds,
  signal?: AbortSignal,
): Promise<number> {
  if (profile.length === 0) return 0
  const by = async (weights: 'policy' | 'base') => {
    const [[logprobs]] = await model.score([{ prefix, continuations: [profile] }], { weights, signal })
    return mean(logprobs)
  }
  return (await by('policy')) - (await by('base'))
}

function tableOf(run: TrainedRun, attacks: readonly AttackScores[], from: string, seed: number): ResultTable {
  const [{ others }] = attacks
  const mistaken = Math.floor(0.01 * others.length)
  // People of whom none was in the training: a test that tells these apart tells something else than membership.
  const half = Math.floor(others.length / 2)
  const control = {
    key: 'control',
    label: 'control: others against others',
    members: others.slice(0, half),
    others: others.slice(half),
  }
  const all = [...attacks, control]
  const metric = (key: string, label: string, chance: number) => ({ key, label, higherIsBetter: false, chance })
  return {
    title: `Membership: was a person in the training of ${run.name}?`,
    notes: [
      `${others.length} people on each side. Members stood in a step up to the checkpoint; the others are ${from}. The attacker has the adapter, its base and the person's interactions, and takes the mean over the profile's tokens of log p by the adapter minus log p by the base.`,
      'AUC is the probability that a member scores above another person: 0.5 is guessing, 1 is certainty, and below 0.5 members score lower. Members found are those at 1 % of the others mistaken for members.',
      ...(mistaken === 0
        ? [
            `Of ${others.length} people 1 % is less than one: there, not one of the others is mistaken. The control has half as many, so more is found in it by luck.`,
          ]
        : []),
    ],
    metrics: [metric('auc', 'AUC', 0.5), metric('found1', 'members found', (mistaken + 1) / (others.length + 1))],
    rows: all.map(({ key, label, members: inside, others: outside }) => ({
      condition: key,
      label,
      n: inside.length,
      values: rocIntervals(inside, outside, seed),
    })),
    differences: [],
    plots: [
      {
        title: `Membership in the training of ${run.name}`,
        caption: 'Each threshold of the test is a point. On the diagonal it guesses.',
        x: 'others mistaken for members',
        y: 'members found',
        lines: [
          ...all.map(({ label, members: inside, others: outside }) => ({
            label,
            points: thinned(rocCurve(inside, outside)),
          })),
          { label: 'guessing', points: [[0, 0] as RocPoint, [1, 1] as RocPoint], reference: true },
        ],
      },
    ],
  }
}

function thinned(points: readonly RocPoint[]): RocPoint[] {
  const every = Math.ceil(points.length / CURVE_POINTS)
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

const rolloutSchema = z.object({ step: z.number(), user: z.string() })

/**
 * Who stood in a step up to the run's best checkpoint, and who is known not to. Where the run tests by other logs, its
 * test users are no such people if there are others: what tells the logs apart is not membership.
 */
async function peopleOf(
  run: TrainedRun,
  signal?: AbortSignal,
): Promise<{ members: User[]; others: User[]; from: string }> {
  const { testPaths, ...source } = run.config.logs
  const parts = readRunUsers(run.folder)
  const best = bestCheckpoint(run.folder)
  const trained = new Set<string>()
  const later = new Set<string>()
  for await (const { step, user } of rolloutsOf(run.folder)) (step <= best ? trained : later).add(user)
  const split = { ...run.config.split, validation: 0, test: 0 }
  const usersOf = async (paths: string[]) => {
    const { split: loaded } = await loadUsers({ ...source, paths }, split, signal)
    return new Map(loaded.train.map((user) => [user.id, user]))
  }
  const known = await usersOf(source.paths)
  const found = (ids: Iterable<string>, users: ReadonlyMap<string, User>) =>
    [...ids].flatMap((id) => users.get(id) ?? [])
  const members = found(trained, known)
  const unseen = found(
    parts.train.filter((id) => !trained.has(id) && !later.has(id)),
    known,
  )
  if (!testPaths)
    return {
      members,
      others: [...unseen, ...found(parts.test, known)],
      from: 'test users, and training users whom no step had reached',
    }
  if (unseen.length >= FEWEST) return { members, others: unseen, from: 'training users whom no step had reached' }
  return { members, others: found(parts.test, await usersOf(testPaths)), from: 'test users, of other logs' }
}

async function* rolloutsOf(folder: string): AsyncGenerator<z.infer<typeof rolloutSchema>> {
  const path = join(folder, 'rollouts.jsonl')
  let line = 0
  try {
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      yield rolloutSchema.parse(parseJson(text))
    }
  } catch (cause) {
    throw new BumpError(
      'run-unusable',
      `${path}, line ${line}: missing or damaged. It says whom the run was trained on; without it, membership cannot be tested.`,
      { cause },
    )
  }
}
