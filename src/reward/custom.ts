// A reward of one's own, as train() takes it: made once the users and models of the run are known, and watched, so that
// a broken number is named before it reaches the optimiser.
import type { UserSplit } from '../logs/types.ts'
import type { LanguageModel } from '../model/contract.ts'
import { BumpError } from '../util/errors.ts'
import { guarded, orCancelled } from '../util/guarded.ts'
import type { RewardConfig } from './config.ts'
import { type RewardFunction, type RewardUser, type Rollout, type ScoredBatch, totalReward } from './reward.ts'

/** What a reward may be made from. */
export interface RewardContext {
  /** The run's `reward` section: its guards, and the options of this reward. */
  config: RewardConfig
  users: UserSplit
  /** The policy's model; its frozen base (`weights: 'base'`) never changes. */
  model: LanguageModel
  /** Seed of the split: the same for runs of other seeds, so that what is drawn by it is too. */
  splitSeed: number
  /** Tells a line. */
  note: (text: string) => void
  /** Opens another model by its name, for inference; it is closed with the run. */
  open: (model: string) => Promise<LanguageModel>
}

export interface CustomReward {
  /** As metrics and config.json call it. */
  readonly name: string
  /** Settings of the reward, for config.json: JSON values only. */
  readonly options?: Record<string, unknown>
  create(context: RewardContext): RewardFunction | Promise<RewardFunction>
}

/** What the lines of rollouts.jsonl call their own fields: no term of a reward may be called so. */
const TAKEN = new Set(
  'step user rollout profile reward length copied tokens stop advantage kept score mean_length users'.split(' '),
)

/**
 * A reward from a function of one profile. `score` gives a number, or several by name, which add up; higher is better.
 * bump subtracts the penalties for length and copied text, and an empty profile is worth 0 whatever `score` says.
 *
 * ```ts
 * const named = defineReward('names_a_topic', ({ text }) => (/about \w+/.test(text) ? 1 : 0))
 * await train({ model, logs, out: 'runs/named', customReward: named })
 * ```
 */
export function defineReward(
  name: string,
  score: (
    rollout: Rollout,
    user: RewardUser,
    options: { signal?: AbortSignal },
  ) => number | Record<string, number> | Promise<number | Record<string, number>>,
): CustomReward {
  return {
    name,
    create: ({ config }) => ({
      async score(batch, _seedParts, options) {
        const rewards = await Promise.all(
          batch.map((user) =>
            Promise.all(
              user.rollouts.map(async (rollout, g) => {
                const where = `rollout ${g} of user ${user.id}`
                const ask = () => score(rollout, user, options)
                const terms = termsOf(name, where, await guarded(`the reward ${name} on ${where}`, options.signal, ask))
                const raw = Object.values(terms).reduce((sum, value) => sum + value, 0)
                return totalReward(terms, raw, rollout, user.history, config)
              }),
            ),
          ),
        )
        return { rewards, chance: {}, usage: {} }
      },
    }),
  }
}

/** What a function of one profile gave, by name. A number that is not finite is left to `checkedReward`. */
function termsOf(name: string, where: string, given: unknown): Record<string, number> {
  const terms = typeof given === 'object' && given !== null ? given : { [name]: given }
  const values = Object.entries(terms)
  const broken = values.find(([, value]) => typeof value !== 'number')
  if (broken || values.length === 0 || Array.isArray(given))
    throw failed(name, `gave ${JSON.stringify(given)} for ${where}: give a number, or numbers by name`)
  return terms as Record<string, number>
}

/**
 * Makes the reward, with its answers checked. What it throws while it is made or asked is a BumpError `reward-failed`
 * that names it, and user, rollout and term where a number cannot be used. It is left alone once the signal aborts.
 */
export async function makeReward(custom: CustomReward, context: RewardContext): Promise<RewardFunction> {
  const { name } = custom
  const guard = <T>(signal: AbortSignal | undefined, work: () => T | Promise<T>) =>
    guarded(`the reward ${name}`, signal, () => orCancelled(signal, work))
  const reward = await guard(undefined, () => custom.create(context))
  return {
    origin: reward.origin,
    score: (batch, seedParts, options) =>
      guard(options.signal, async () => {
        const scored = await reward.score(batch, seedParts, options)
        checkRewards(name, batch, scored)
        return scored
      }),
    evaluate: reward.evaluate && ((...args) => guard(args[2].signal, () => reward.evaluate!(...args))),
    compareTask: reward.compareTask && ((...args) => guard(args[2].signal, () => reward.compareTask!(...args))),
  }
}

function checkRewards(name: string, batch: readonly RewardUser[], { rewards }: ScoredBatch): void {
  if (rewards.length !== batch.length || batch.some(({ rollouts }, u) => rewards[u].length !== rollouts.length))
    throw failed(name, 'did not give one reward for each rollout of each user')
  for (const [u, group] of rewards.entries())
    for (const [g, { terms, raw, total }] of group.entries()) {
      const broken = Object.entries({ ...terms, raw, total }).find(([, value]) => !Number.isFinite(value))
      if (broken)
        throw failed(
          name,
          `gave ${broken[1]} as ${broken[0]} for rollout ${g} of user ${batch[u].id}: give finite numbers`,
        )
      const taken = Object.keys(terms).find((key) => TAKEN.has(key))
      if (taken !== undefined)
        throw failed(name, `has a term called ${taken}, which rollouts.jsonl uses itself: call it otherwise`)
    }
  // metrics.jsonl has one mean a term, over all rollouts.
  const [first, ...others] = rewards.flat().map(({ terms }) => Object.keys(terms).sort().join(', '))
  const other = others.find((names) => names !== first)
  if (other !== undefined)
    throw failed(
      name,
      `has the terms ${first} for one profile and ${other} for another: give the same for every profile`,
    )
}

function failed(name: string, what: string): BumpError {
  return new BumpError('reward-failed', `the reward ${name} ${what}`)
}
