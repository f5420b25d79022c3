// The reward of a run: the bidirectional one of the configuration or one of the caller's, with those added to it.
import type { AnyJudge } from '../judge/several.ts'
import type { UserLists } from '../logs/user-list.ts'
import { type AddedReward, withAdded } from '../reward/added.ts'
import { type CustomReward, makeReward, type RewardContext } from '../reward/custom.ts'
import type { HardExamples } from '../reward/hard-examples.ts'
import type { RewardFunction } from '../reward/reward.ts'
import type { TrainConfig } from './config.ts'
import { defaultReward } from './default-reward.ts'
import { poolSeed } from './measure.ts'
import { wholeSplit } from './run-users.ts'

/** What rewards are made from; one of the caller's may read all users. */
interface RewardParts extends Omit<RewardContext, 'config' | 'splitSeed' | 'users'> {
  config: TrainConfig
  judge: AnyJudge
  users: UserLists
}

/** The reward of a run, with those that are added, and what decides theirs besides the configuration. */
export async function rewardOf(
  { customReward, rewards = [] }: { customReward?: CustomReward; rewards?: readonly AddedReward[] },
  { config, judge, users, ...context }: RewardParts,
  hardExamples?: HardExamples,
): Promise<{ reward: RewardFunction; record?: Record<string, unknown> }> {
  const splitSeed = config.split.seed
  const read = customReward || rewards.length > 0 ? await wholeSplit(users) : undefined
  const make = (custom: CustomReward) =>
    makeReward(custom, { ...context, users: read!, config: config.reward, splitSeed })
  const named = ({ name }: CustomReward, { origin }: RewardFunction) => ({ name, ...origin })
  const own = customReward ? await make(customReward) : bidirectionalOf(config, judge, hardExamples)
  const added: { name: string; weight: number; reward: RewardFunction }[] = []
  for (const { reward, weight } of rewards) added.push({ name: reward.name, weight, reward: await make(reward) })
  const record = {
    ...(customReward ? named(customReward, own) : {}),
    ...(rewards.length > 0 ? { added: rewards.map(({ reward }, i) => named(reward, added[i].reward)) } : {}),
  }
  return {
    reward: withAdded(own, added, splitSeed),
    record: Object.keys(record).length > 0 ? record : undefined,
  }
}

function bidirectionalOf(config: TrainConfig, judge: AnyJudge, hardExamples?: HardExamples): RewardFunction {
  if (config.reward.type !== 'bidirectional') throw new TypeError('configOf let a reward pass that is not made')
  return defaultReward(judge, config.reward, poolSeed(config), hardExamples)
}
