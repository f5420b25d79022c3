// One batch of experience: users chosen, profiles sampled, rewards judged, advantages computed (docs/method.md §3-8).

import { generateProfiles } from '../generator/generate.ts'
import type { User } from '../logs/types.ts'
import type { Completion, LanguageModel } from '../model/contract.ts'
import type { RewardFunction, RolloutReward, ScoredBatch } from '../reward/reward.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { advantages, varies } from './advantages.ts'
import type { TrainConfig } from './config.ts'

/** One sampled profile with all that the update and the log need. */
interface Rollout {
  profile: string
  completion: Completion
  reward: RolloutReward
  advantage: number
}

/** The rollouts of one user. */
export interface RolloutGroup {
  user: string
  prompt: number[]
  rollouts: Rollout[]
  /** False where the raw reward does not vary: the group gives no gradient. */
  kept: boolean
}

export interface Batch {
  groups: RolloutGroup[]
  chance: ScoredBatch['chance']
  usage: ScoredBatch['usage']
  seconds: { rollout: number; judge: number }
}

/**
 * Users of step `step` (from 0): each epoch goes through the users in a seeded order, `size` at a time; the remainder of
 * an epoch is left out, so that no user stands in a batch twice.
 */
export function batchUsers(users: readonly User[], size: number, step: number, seed: number): User[] {
  const batches = Math.floor(users.length / size)
  const order = shuffled(users, seedFrom(seed, 'epoch', Math.floor(step / batches)))
  const start = (step % batches) * size
  return order.slice(start, start + size)
}

/** Samples and rewards G profiles of each user of the step. */
export async function collectBatch(
  model: LanguageModel,
  reward: RewardFunction,
  users: readonly User[],
  config: TrainConfig,
  step: number,
  options: { signal?: AbortSignal; onPhase: (phase: 'rollout' | 'judge') => void },
): Promise<Batch> {
  const { signal } = options
  const started = performance.now()
  options.onPhase('rollout')
  const generated = await generateProfiles(model, users, {
    prompt: config.prompt,
    maxTokens: config.profile.maxTokens,
    temperature: config.rollout.temperature,
    seeds: (user) =>
      Array.from({ length: config.rollout.groupSize }, (_, g) => seedFrom(config.seed, 'rollout', step, user, g)),
    signal,
  })
  const sampled = performance.now()
  options.onPhase('judge')
  const { rewards, chance, usage } = await reward.score(
    users.map((user, u) => ({
      id: user.id,
      heldOut: user.heldOut.map(({ text }) => text),
      history: generated[u].shown,
      rollouts: generated[u].profiles.map((text, g) => ({ text, tokens: generated[u].completions[g].tokens.length })),
    })),
    [config.seed, step],
    { signal },
  )
  const scaled = advantages(
    rewards.map((group) => group.map(({ total }) => total)),
    config.optim.scaleRewards,
  )
  return {
    groups: generated.map(({ user, prompt, profiles, completions }, u) => ({
      user,
      prompt,
      kept: varies(rewards[u].map(({ raw }) => raw)),
      rollouts: profiles.map((profile, g) => ({
        profile,
        completion: completions[g],
        reward: rewards[u][g],
        advantage: scaled[u][g],
      })),
    })),
    chance,
    usage,
    seconds: { rollout: (sampled - started) / 1000, judge: (performance.now() - sampled) / 1000 },
  }
}
