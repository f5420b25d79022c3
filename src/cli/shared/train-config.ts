// Flags, YAML file, preset and (on --resume) the run's own record -> one resolved configuration.

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { resolveLabelOptions } from '../../lamp/label-reward-options.ts'
import { readLamp } from '../../lamp/read.ts'
import { LAMP_TASKS } from '../../lamp/types.ts'
import { readRunHeader } from '../../run/read.ts'
import { expressionsOf, type MappingParts, refuseUntrusted, withoutNamed } from '../../run/trust.ts'
import type { TrainConfig } from '../../train/config.ts'
import { fixedLayer, type Layer, mergeLayers, yamlLayer } from '../../train/config-layers.ts'
import { presetLayers, resolveTrainConfig } from '../../train/resolve-config.ts'
import { bareAddresses } from '../../util/address.ts'
import { BumpError } from '../../util/errors.ts'
import { assignmentLayer, flagLayer } from './flag-layers.ts'
import type { LogFlags, TrustFlags } from './log-flags.ts'
import { addedModule } from './reward-modules.ts'

export interface TrainFlags extends LogFlags, TrustFlags {
  config?: string
  preset?: string
  model?: string
  judgeModel?: string
  judgeServerModel?: string
  embedder?: string
  testLogs?: string[]
  engine?: string
  reward?: string
  addReward?: string[]
  task?: string
  data?: string
  name?: string
  steps?: string
  seed?: string
  set: string[]
  runs: string
  resume?: boolean
}

/** Each flag with the place of its value in the configuration. */
const FLAGS: [flag: keyof TrainFlags & string, path: string, kind: 'text' | 'number'][] = [
  ['preset', 'preset', 'text'],
  ['name', 'name', 'text'],
  ['logs', 'logs.paths', 'text'],
  ['testLogs', 'logs.testPaths', 'text'],
  ['query', 'logs.query', 'text'],
  ['format', 'logs.format', 'text'],
  ['user', 'logs.user', 'text'],
  ['time', 'logs.time', 'text'],
  ['text', 'logs.text', 'text'],
  ['delimiter', 'logs.delimiter', 'text'],
  ['quote', 'logs.quote', 'text'],
  ['escape', 'logs.escape', 'text'],
  ['headerLine', 'logs.headerLine', 'number'],
  ['columns', 'logs.columns', 'text'],
  ['with', 'logs.with', 'text'],
  ['model', 'model', 'text'],
  ['judgeModel', 'judge.model', 'text'],
  ['judgeServerModel', 'judge.server', 'text'],
  ['embedder', 'reward.hardExamples.embedder', 'text'],
  ['engine', 'engine.type', 'text'],
  ['task', 'reward.options.task', 'number'],
  ['data', 'reward.options.data', 'text'],
  ['steps', 'optim.steps', 'number'],
  ['seed', 'seed', 'number'],
]

/**
 * The configuration that the flags of `command` name; `unnamed`: the run's name where they name none, default one made
 * of logs and model. Throws BumpError (`invalid-options`) with every problem and its
 * place.
 */
export function configOfFlags(flags: TrainFlags, command = 'bump train', unnamed?: string): TrainConfig {
  const given = FLAGS.flatMap(([name, path, kind]) => {
    const value = flags[name]
    if (value === undefined) return []
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return [{ flag, path, value: kind === 'number' ? numberOr(value) : value }]
  })
  const own: Layer[] = [
    rewardLayer(flags.reward),
    addedLayer(flags.addReward),
    flagLayer(given),
    assignmentLayer(flags.set),
  ]
  if (flags.config !== undefined) own.unshift(fileLayer(flags.config))
  const wanted = mergeLayers(own)
  const under = presetLayers(wanted.preset)
  under.unshift(...labelLayers(mergeLayers([...under, ...own])))
  const named = mergeLayers([...under, ...own])
  const name = typeof named.name === 'string' ? named.name : (unnamed ?? defaultName(named))
  if (flags.resume && name === undefined)
    throw new BumpError(
      'invalid-options',
      '--resume: say which run by --name (a folder of runs/), or repeat the flags it was started with',
    )
  const record = flags.resume ? join(flags.runs, name!, 'config.json') : undefined
  const recorded =
    record !== undefined && existsSync(record) ? readRunHeader(join(flags.runs, name!)).config : undefined
  if (recorded) {
    refuseUntrusted(mappingUnder(named, recorded), record!, flags.trust)
    under.unshift(fixedLayer(recorded, record!))
  }
  if (name !== undefined) under.unshift(fixedLayer({ name }, 'name'))
  const whole = mergeLayers([...under, ...own])
  const lacking = whole.logs === undefined || whole.model === undefined
  if (lacking && record !== undefined && !recorded)
    throw new BumpError(
      'invalid-options',
      `--resume: there is no run ${join(flags.runs, name!)} to go on with. Look for its name in ${flags.runs}, or name logs and a model to begin one`,
    )
  if (lacking)
    throw new BumpError(
      'invalid-options',
      `${command} needs logs and a model: --logs <file> --model <folder, .gguf file or hub name>, or logs.paths and model in a --config file`,
    )
  if ((flags.task !== undefined || flags.data !== undefined) && !hasOptions(whole.reward))
    throw new BumpError(
      'invalid-options',
      '--task and --data are of the reward of labels: add --reward labels, or leave them out',
    )
  const config = resolveTrainConfig([...under, ...own])
  if (config.reward.type !== 'custom' || config.reward.name !== 'labels') return config
  return { ...config, reward: { ...config.reward, options: resolveLabelOptions(config.reward.options) } }
}

/** Whether a reward has options: that of labels has, and modules have. */
function hasOptions(reward: unknown): boolean {
  return typeof reward === 'object' && reward !== null && 'type' in reward && reward.type === 'custom'
}

/** What a run's record says of how logs are mapped where the caller says nothing. */
function mappingUnder(named: Record<string, unknown>, recorded: Record<string, unknown>): MappingParts {
  return withoutNamed(mappingSchema.parse(recorded.logs), mappingSchema.parse(named.logs))
}

const text = z.string().optional().catch(undefined)
const list = z.array(z.string().catch('')).optional().catch(undefined)
/** The parts of a mapping, as far as they are what they should be: what is not is refused with the configuration. */
const mappingSchema = z
  .object({
    paths: list,
    testPaths: list,
    query: text,
    user: text,
    time: text,
    text,
    with: z.record(z.string(), z.string().catch('')).optional().catch(undefined),
  })
  .catch({})

/**
 * The SQL that comes from the YAML file and not from flags, and the files for it to join, to be shown before any of it
 * runs.
 */
export function yamlExpressions(flags: Omit<TrainFlags, 'name' | 'seed'>, { logs }: TrainConfig): string[] {
  if (flags.config === undefined) return []
  const own = { ...flags, paths: flags.logs, testPaths: flags.testLogs }
  return expressionsOf(withoutNamed(logs, own)).map(
    ([part, expression]) =>
      `${flags.config}: ${part} is ${part.includes('.') ? '' : 'the SQL expression '}${expression}`,
  )
}

/** What --reward names: the bidirectional reward, that of a LaMP task's labels, or a module. */
function rewardLayer(reward: string | undefined): Layer {
  if (reward === undefined) return { values: {}, where: () => '--reward' }
  const section = reward === 'bidirectional' ? { type: reward } : { type: 'custom', name: reward }
  return { values: { reward: section }, where: () => '--reward' }
}

/** What --add-reward names: modules with their weights. */
function addedLayer(modules: readonly string[] = []): Layer {
  const values = modules.length > 0 ? { reward: { added: modules.map(addedModule) } } : {}
  return { values, where: () => '--add-reward' }
}

/** Under the reward of labels, the logs are the profiles of the task's questions where no others are named. */
function labelLayers({ reward, logs }: Record<string, unknown>): Layer[] {
  const { success, data: labels } = labelsSchema.safeParse(reward)
  if (!success || (logs as Record<string, unknown> | undefined)?.paths !== undefined) return []
  const { file } = readLamp(labels.data, { task: labels.task, split: 'train' })
  return [fixedLayer({ logs: { paths: [file], format: 'lamp' } }, '--data')]
}

const labelsSchema = z
  .object({
    type: z.literal('custom'),
    name: z.literal('labels'),
    options: z.looseObject({ task: z.literal(LAMP_TASKS), data: z.string().min(1) }),
  })
  .transform(({ options }) => options)

/** Layer of a YAML file that `flag` names. Throws BumpError (`invalid-options`). */
export function fileLayer(path: string, flag = '--config'): Layer {
  try {
    return yamlLayer(readFileSync(path, 'utf8'), path)
  } catch (cause) {
    if (cause instanceof BumpError) throw cause
    throw new BumpError(
      'invalid-options',
      `${flag} ${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    )
  }
}

/** Numbers as numbers; anything else stays text, for the schema to refuse. */
export function numberOr(value: unknown): unknown {
  return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}

/** `<log>-<model>` (`<task>-labels-<model>`), so that the same command finds its own run again. */
function defaultName({ logs, model, reward }: Record<string, unknown>): string | undefined {
  const paths = typeof logs === 'object' && logs !== null && 'paths' in logs ? logs.paths : undefined
  const first = Array.isArray(paths) ? paths[0] : undefined
  if (typeof first !== 'string' || typeof model !== 'string') return undefined
  const stem = (place: string) =>
    basename(place.replace(/[?#].*$/, ''))
      .replace(/(\.(jsonl|json|csv|tsv|parquet|gguf|gz|zst))+$/i, '')
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[^\w]+|-+$/g, '')
      .toLowerCase()
  const labels = labelsSchema.safeParse(reward).data
  return (
    `${labels ? `lamp-${labels.task}-labels` : stem(bareAddresses(first))}-${stem(model)}`
      .replace(/^-+|-+$/g, '')
      .slice(0, 100) || undefined
  )
}
