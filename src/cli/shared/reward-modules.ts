// The rewards of one's own that a command gives to train(). A module is code: it runs only where --reward or --add-reward
// names it in this very command, never because a configuration, a run folder or a log does.
import { existsSync, readFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { labelReward } from '../../lamp/label-reward-options.ts'
import { type AddedReward, withAdded } from '../../reward/added.ts'
import { type CustomReward, defineReward, makeReward } from '../../reward/custom.ts'
import type { TrainConfig } from '../../train/config.ts'
import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'

/** A module of --add-reward: `./kind.mjs`, or with its weight `./kind.mjs=0.5`. */
export interface AddedModule {
  name: string
  weight: number
}

export function addedModule(text: string): AddedModule {
  const [, name, weight] = /^(.+)=(-?\d+(?:\.\d+)?)$/.exec(text) ?? [text, text, '1']
  return { name, weight: Number(weight) }
}

/**
 * The reward that the configuration names, where it is not the bidirectional one; `flag`: the value of --reward. Throws
 * BumpError where it cannot be used.
 */
export async function customRewardOf(
  { reward }: TrainConfig,
  flag: string | undefined,
): Promise<CustomReward | undefined> {
  if (reward.type === 'bidirectional') return undefined
  if (reward.name === 'labels') return labelReward(reward.options)
  if (flag !== reward.name)
    throw new BumpError(
      'invalid-options',
      `the reward of this run is the module ${reward.name}, which is code: name it by --reward ${reward.name} if you trust it`,
    )
  return await rewardModule('--reward', reward.name, 'custom', reward.options)
}

/**
 * The rewards that the configuration adds to that one; `flags`: those that --add-reward names. Throws BumpError where one
 * is not among them, or cannot be used.
 */
export async function addedRewardsOf(
  { reward }: TrainConfig,
  flags: readonly AddedModule[],
): Promise<AddedReward[] | undefined> {
  const added: AddedReward[] = []
  for (const { name, weight, options } of reward.added ?? []) {
    if (!flags.some((flag) => flag.name === name))
      throw new BumpError(
        'invalid-options',
        `a reward that is added to this run's is the module ${name}, which is code: name it by --add-reward ${name}=${weight} if you trust it`,
      )
    const term = basename(name, extname(name))
    added.push({ reward: await rewardModule('--add-reward', name, term, options), weight })
  }
  return reward.added && added
}

/** `term`: what a function is called that the module exports by itself. */
async function rewardModule(
  flag: string,
  path: string,
  term: string,
  options: Record<string, unknown>,
): Promise<CustomReward> {
  const file = resolve(path)
  if (!existsSync(file))
    throw new BumpError(
      'invalid-options',
      `${flag} ${path}: no such file. ${flag === '--reward' ? 'It is bidirectional, labels, or' : 'It is'} a module such as ./reward.mjs`,
    )
  let found: unknown
  try {
    found = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default
  } catch (cause) {
    throw new BumpError('reward-failed', `${flag} ${path}: ${(cause as Error).message}`, { cause })
  }
  const rewards = (Array.isArray(found) ? found : [found]).map((each: unknown) => rewardIn(each, term))
  if (rewards.length === 0 || rewards.includes(undefined))
    throw new BumpError(
      'reward-failed',
      `${flag} ${path}: its default export must be what defineReward gives, a function of a rollout and its user, or a list of such rewards`,
    )
  const [first, ...others] = rewards as CustomReward[]
  const digest = sha256(readFileSync(file))
  return {
    name: path,
    options,
    create: async (context) => {
      const make = async (reward: CustomReward) => ({
        name: reward.name,
        weight: 1,
        reward: await makeReward(reward, context),
      })
      const made = withAdded(await first.create(context), await Promise.all(others.map(make)), context.splitSeed)
      return { ...made, origin: { module: digest, ...made.origin } }
    },
  }
}

function rewardIn(found: unknown, term: string): CustomReward | undefined {
  if (typeof found === 'function') return defineReward(term, found as Parameters<typeof defineReward>[1])
  return typeof (found as CustomReward | null | undefined)?.create === 'function' ? (found as CustomReward) : undefined
}
