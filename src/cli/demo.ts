// `bump demo`: the whole method in a few minutes. Trains the bundled nano model on the bundled example log through the
// same code as `bump train`, and shows what it did to users it was never trained on.

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { NANO_WORDING } from '../generator/prompt.ts'
import { splitDataset } from '../logs/load.ts'
import { openLogs } from '../logs/open.ts'
import type { User } from '../logs/types.ts'
import type { ProfileLine, Summary } from '../run/format.ts'
import { isRunFolder, readProfileLines, readRunHeader } from '../run/read.ts'
import { type TrainConfig, trainConfigSchema } from '../train/config.ts'
import { resolveLayers } from '../train/config-layers.ts'
import { optionsOf, train } from '../train/train.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { lockFolder } from '../util/lock.ts'
import { addEngineFlags, type EngineFlags, engineOptions } from './shared/engine-flags.ts'
import { flagLayer } from './shared/flag-layers.ts'
import { naturalNumber, positiveInteger } from './shared/flag-values.ts'
import { interruptible } from './shared/process.ts'
import { summaryTable } from './shared/summary-table.ts'
import { print } from './shared/terminal.ts'
import { TrainView } from './shared/training.ts'

/** A file of assets/, which lies beside src/ and dist/. */
function asset(...parts: string[]): string {
  return fileURLToPath(new URL(`../../assets/${parts.join('/')}`, import.meta.url))
}

interface DemoFlags extends EngineFlags {
  seed: number
  steps: number
  name: string
}

/** `bump demo`. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description(
      'train the bundled nano model on the bundled example log, and show what it learned (2 minutes on 2 cores)',
    )
    .option('--seed <number>', 'seed of the whole run', naturalNumber, 1)
    .option('--steps <count>', 'training steps', positiveInteger, 40)
    .option('--name <name>', "name of the run's folder under runs/", 'demo')
    .addHelpText('after', HELP)
    .action(demo)
  return addEngineFlags(command)
}

const HELP = `
Needs no account, no GPU and no network. The run folder, runs/demo, holds the same files as one of bump train.

Examples:
  bump demo
  bump demo --seed 7 --name demo-7
  bump demo --steps 20
`

/**
 * The configuration of the demo: that of `bump train`, with a tiny model's learning rate and budgets.
 * Throws BumpError where a flag's value is not allowed.
 */
export function demoConfig({ seed, steps, name }: DemoFlags): TrainConfig {
  const values = {
    logs: { paths: [asset('example', 'log.jsonl')], format: 'jsonl', user: 'user', time: 'time', text: 'text' },
    model: asset('nano'),
    trainable: { type: 'full' },
    prompt: NANO_WORDING,
    split: { validation: 0.15, test: 0.4 },
    reward: { lengthBudget: 48 },
    rollout: { users: 8, groupSize: 8 },
    profile: { maxTokens: 56 },
    optim: { learningRate: 3e-4, schedule: 'linear', warmup: 3 },
    validation: { every: 20, maxUsers: 24 },
    checkpoint: { every: 20 },
  }
  const flags = [
    { flag: '--seed', path: 'seed', value: seed },
    { flag: '--steps', path: 'optim.steps', value: steps },
    { flag: '--name', path: 'name', value: name },
  ]
  return resolveLayers(trainConfigSchema, [{ values, where: () => 'bump demo' }, flagLayer(flags)])
}

async function demo(flags: DemoFlags): Promise<void> {
  const config = demoConfig(flags)
  clearDemoRun(join('runs', config.name), config)
  const { logs: source, split } = config
  const logs = await openLogs(source.paths, source)
  const view = new TrainView()
  try {
    const { folder, summary } = await interruptible(
      () => view.say('ending; press Ctrl-C again to stop at once'),
      (signal) =>
        train({
          ...optionsOf(config, 'runs'),
          engine: engineOptions(flags),
          logs,
          signal,
          onEvent: (event) => {
            if (event.type === 'users') print(`${introduction(event, config)}\n`)
            else if (event.type !== 'logs') view.onEvent(event)
          },
        }),
    )
    view.done()
    const { split: users } = await splitDataset(logs, split)
    print(`${demoReport(summary, readProfileLines(folder), users.test, folder)}\n`)
  } catch (error) {
    if (error instanceof CancelledError) throw new CancelledError(`${error.message}; bump demo starts anew`)
    throw error
  } finally {
    view.done()
    logs.close()
  }
}

/** Removes the folder where it holds an earlier demo. Throws BumpError where it holds anything else, or is in use. */
export function clearDemoRun(folder: string, config: TrainConfig): void {
  if (!existsSync(folder)) return
  const stored = isRunFolder(folder) ? readRunHeader(folder).config : {}
  if (stored.model !== config.model || JSON.stringify(stored.logs) !== JSON.stringify(config.logs))
    throw new BumpError('invalid-options', `${folder} exists and is no run of bump demo: give the demo another --name.`)
  lockFolder(folder, '--name')()
  rmSync(folder, { recursive: true })
}

function introduction(
  { train, validation, test }: Record<'train' | 'validation' | 'test', number>,
  { rollout, optim, reward }: TrainConfig,
): string {
  return [
    `${train + validation + test} invented people: ${train} to train on, ${validation} to choose the best checkpoint, ${test} never trained on.`,
    `Each of ${optim.steps} steps samples ${rollout.groupSize} profiles for each of ${rollout.users} people. The reward, from the frozen model itself:`,
    `  forward   does the profile find its person's own later interaction among ${reward.negatives} of other people's?`,
    '  backward  does that interaction find the profile among those of other people?',
    '',
  ].join('\n')
}

/**
 * The result as text: NDCG before and after beside chance, and two users with their profiles. `profiles` are the lines
 * of the run's profiles.jsonl; the users shown are its first two.
 */
export function demoReport(
  summary: Summary,
  profiles: readonly ProfileLine[],
  users: readonly User[],
  folder: string,
): string {
  return [
    '',
    summaryTable(summary).trimEnd(),
    ...profiles
      .slice(0, 2)
      .flatMap(({ user, before, after }) => [
        '',
        `${user}, never trained on`,
        ...(users.find(({ id }) => id === user)?.history ?? []).slice(-5).map(({ text }) => `  - ${text}`),
        `  profile before: ${before.profile}`,
        `  profile after:  ${after.profile}`,
      ]),
    '',
    `Everything is in ${folder}: config.json, metrics.jsonl, rollouts.jsonl, profiles.jsonl, summary.json and checkpoints.`,
    'The nano model exists to try and to test bump, not to profile real people. Your own logs: bump train --help',
  ].join('\n')
}
