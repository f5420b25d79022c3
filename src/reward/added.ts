// Rewards of one's own beside the run's reward: what they give is added with weights, and the penalties are taken once.
// Also how one profile a user is measured by any reward, since that is a sum here as well.
import { BumpError } from '../util/errors.ts'
import { mean } from '../util/stats.ts'
import type { CustomReward } from './custom.ts'
import type { ProfileScore, RewardFunction, RewardUser, RolloutReward, ScoredBatch } from './reward.ts'

/** A reward of one's own that is added to the run's. */
export interface AddedReward {
  reward: CustomReward
  /** What its raw value is multiplied by; below 0 it is a penalty. */
  weight: number
}

/** The same, made. */
interface MadeReward {
  name: string
  weight: number
  reward: RewardFunction
}

/** Draws of a validation: equal at every one. */
const validationSeed = (splitSeed: number) => ['validation', splitSeed]

/**
 * raw = raw of the run's reward + Σ weight · raw of each added one, less the penalties of the run's. Terms keep their
 * names and are not weighted. Throws BumpError (`reward-failed`) where two rewards have a term of one name, and what the
 * rewards throw. `splitSeed` determines what a reward draws that validates by `score`.
 */
export function withAdded(own: RewardFunction, added: readonly MadeReward[], splitSeed: number): RewardFunction {
  if (added.length === 0) return own
  const { compareTask } = [own, ...added.map(({ reward }) => reward)].find((each) => each.compareTask) ?? {}
  return {
    async score(batch, seedParts, options) {
      // The others first: one that fails has then not cost a call of the judge.
      const others: ScoredBatch[] = []
      for (const { reward } of added) others.push(await reward.score(batch, seedParts, options))
      const { rewards, chance, usage } = await own.score(batch, seedParts, options)
      const all = [{ chance, usage }, ...others]
      return {
        rewards: rewards.map((group, u) =>
          group.map((rollout, g) => addedUp(rollout, added, (i) => others[i].rewards[u][g])),
        ),
        chance: Object.assign({}, ...all.map((each) => each.chance)),
        usage: summed(all.map((each) => each.usage)),
      }
    },
    async evaluate(batch, _profiles, options) {
      const scored = await profileScore(own, batch, splitSeed, options)
      let { score } = scored
      const metrics = { ...scored.metrics }
      for (const { name, weight, reward } of added) {
        const { score: other, metrics: terms } = await profileScore(reward, batch, splitSeed, options)
        score += weight * other
        for (const [term, value] of Object.entries(terms)) if (term !== 'score') put(metrics, term, value, name)
      }
      return { score, metrics: { ...metrics, score } }
    },
    ...(compareTask ? { compareTask } : {}),
  }
}

/**
 * One profile a user, the only rollout of each in `batch`: by `evaluate` of the reward, else by its `score`. Terms are
 * means over the users, and so is the score, of what they add up to.
 */
export async function profileScore(
  reward: RewardFunction,
  batch: readonly RewardUser[],
  splitSeed: number,
  options: Parameters<RewardFunction['score']>[2],
): Promise<ProfileScore> {
  const profiles = batch.map(({ rollouts: [{ text }] }) => text)
  if (reward.evaluate) return await reward.evaluate(batch, profiles, options)
  const { rewards, chance } = await reward.score(batch, validationSeed(splitSeed), options)
  const each = rewards.map(([rollout]) => rollout)
  const terms = Object.keys(each[0].terms).map((term) => [term, mean(each.map((rollout) => rollout.terms[term]))])
  const chances = Object.entries(chance).map(([term, value]) => [`chance/${term}`, value])
  const score = mean(each.map(({ raw }) => raw))
  return { score, metrics: { ...Object.fromEntries(terms), score, ...Object.fromEntries(chances) } }
}

/** One rollout's reward with what the added ones give it. */
function addedUp(
  own: RolloutReward,
  added: readonly MadeReward[],
  of: (index: number) => RolloutReward,
): RolloutReward {
  const terms = { ...own.terms }
  let { raw } = own
  for (const [i, { name, weight }] of added.entries()) {
    const other = of(i)
    for (const [term, value] of Object.entries(other.terms)) put(terms, term, own.empty ? 0 : value, name)
    raw += own.empty ? 0 : weight * other.raw
  }
  return { ...own, terms, raw, total: own.empty ? 0 : raw - own.length - own.copied }
}

function put(terms: Record<string, number>, term: string, value: number, reward: string): void {
  if (Object.hasOwn(terms, term))
    throw new BumpError(
      'reward-failed',
      `the reward ${reward} has a term called ${term}, as another reward of this run has: call it otherwise`,
    )
  terms[term] = value
}

function summed(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [name, value] of counts.flatMap((each) => Object.entries(each))) sums[name] = (sums[name] ?? 0) + value
  return sums
}
