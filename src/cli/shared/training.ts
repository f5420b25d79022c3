// What every command that trains a profile generator shows, and which reward of one's own it gives to train().
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { labelReward } from '../../lamp/label-reward-options.ts'
import { type CustomReward, defineReward } from '../../reward/custom.ts'
import type { TrainConfig } from '../../train/config.ts'
import type { TrainEvent } from '../../train/train.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { reportLines } from './log-flags.ts'
import { type Progress, trainProgress } from './progress.ts'
import { say } from './terminal.ts'

/** The view of a training run: lines while it is made ready, then its progress. */
export class TrainView {
  private progress: Progress | undefined

  constructor(private readonly write: OnLine = say) {}

  readonly onEvent = (event: TrainEvent): void => {
    switch (event.type) {
      case 'logs':
        for (const line of reportLines(event.report)) this.say(`${event.test ? 'test: ' : ''}${line}`)
        return
      case 'users':
        this.say(`${event.train} users to train on, ${event.validation} for validation, ${event.test} for the test`)
        return
      case 'start':
        this.progress = trainProgress(event.steps)
        return
      case 'note':
        this.say(event.text, event.passing)
        return
      default:
        this.progress?.onEvent(event)
    }
  }

  /** A line of its own. */
  readonly say: OnLine = (line, passing) => {
    if (this.progress) this.progress.say(line, passing)
    else this.write(line, passing)
  }

  /** Leaves the terminal as it should be. */
  done(): void {
    this.progress?.done()
    this.progress = undefined
  }
}

/**
 * The reward that the configuration names, where it is not the bidirectional one. A module is run only where --reward
 * names it in this very command, never because a file does. Throws BumpError where it cannot be used.
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
  return await rewardModule(reward.name, reward.options)
}

async function rewardModule(path: string, options: Record<string, unknown>): Promise<CustomReward> {
  const file = resolve(path)
  if (!existsSync(file))
    throw new BumpError(
      'invalid-options',
      `--reward ${path}: no such file. It is bidirectional, labels, or a module such as ./reward.mjs`,
    )
  let found: unknown
  try {
    found = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default
  } catch (cause) {
    throw new BumpError('reward-failed', `--reward ${path}: ${(cause as Error).message}`, { cause })
  }
  const made = typeof found === 'function' ? defineReward('custom', found as Parameters<typeof defineReward>[1]) : found
  if (typeof made !== 'object' || made === null || typeof (made as CustomReward).create !== 'function')
    throw new BumpError(
      'reward-failed',
      `--reward ${path}: its default export must be what defineReward gives, or a function of a rollout and its user`,
    )
  const { create } = made as CustomReward
  const digest = sha256(readFileSync(file))
  return {
    name: path,
    options,
    create: async (context) => {
      const reward = await create(context)
      return { ...reward, origin: { module: digest, ...reward.origin } }
    },
  }
}
