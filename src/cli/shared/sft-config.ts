// Flags, YAML file and (on --resume) the run's own record -> one resolved configuration of `bump sft`.

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type LampSftConfig, lampSftConfigSchema } from '../../lamp/sft.ts'
import { readRunHeader } from '../../run/read.ts'
import { fixedLayer, type Layer, mergeLayers, resolveLayers } from '../../train/config-layers.ts'
import { serverDefaults } from '../../train/on-server.ts'
import { BumpError } from '../../util/errors.ts'
import { assignmentLayer, flagLayer } from './flag-layers.ts'
import { fileLayer, numberOr } from './train-config.ts'

export interface SftFlags {
  task?: string
  data?: string
  backbone?: string
  condition?: string
  engine?: string
  run?: string
  profiles?: string
  text?: string
  name?: string
  epochs?: string
  steps?: string
  examples?: string
  items?: string
  budget?: string
  seed?: string
  config?: string
  set: string[]
  runs: string
  resume?: boolean
}

/** Each flag with the place of its value in the configuration. */
const FLAGS: [flag: keyof SftFlags & string, path: string, kind: 'text' | 'number'][] = [
  ['name', 'name', 'text'],
  ['task', 'task', 'number'],
  ['data', 'data', 'text'],
  ['backbone', 'backbone', 'text'],
  ['condition', 'condition', 'text'],
  ['engine', 'engine.type', 'text'],
  ['run', 'run', 'text'],
  ['profiles', 'profiles', 'text'],
  ['text', 'text', 'text'],
  ['epochs', 'optim.epochs', 'number'],
  ['steps', 'optim.steps', 'number'],
  ['examples', 'examples', 'number'],
  ['items', 'items', 'number'],
  ['budget', 'budget', 'number'],
  ['seed', 'seed', 'number'],
]

/** The configuration that the flags name. Throws BumpError (`invalid-options`) with every problem and its place. */
export function resolveSftConfig(flags: SftFlags): LampSftConfig {
  const given = FLAGS.flatMap(([name, path, kind]) => {
    const value = flags[name]
    return value === undefined ? [] : [{ flag: `--${name}`, path, value: kind === 'number' ? numberOr(value) : value }]
  })
  const own: Layer[] = [
    ...(flags.config === undefined ? [] : [fileLayer(flags.config)]),
    flagLayer(given),
    assignmentLayer(flags.set),
  ]
  const wanted = mergeLayers(own)
  const name = typeof wanted.name === 'string' ? wanted.name : defaultName(wanted)
  if (flags.resume && name === undefined)
    throw new BumpError(
      'invalid-options',
      '--resume: say which run by --name (a folder of runs/), or repeat the flags it was started with',
    )
  const under = [...(name === undefined ? [] : [fixedLayer({ name }, 'name')]), ...storedLayer(flags, name)]
  const whole = mergeLayers([...under, ...own])
  const missing = (['task', 'data', 'backbone', 'condition'] as const).filter((key) => whole[key] === undefined)
  if (missing.length > 0)
    throw new BumpError(
      'invalid-options',
      `bump sft needs a task, its data, a backbone and a condition: ${missing.map((key) => `--${key}`).join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
    )
  return resolveLayers(lampSftConfigSchema, [...serverDefaults(whole), ...under, ...own])
}

/** What the run to go on with was started with. */
function storedLayer({ resume, runs }: SftFlags, name: string | undefined): Layer[] {
  const folder = join(runs, name ?? '')
  if (!resume || !existsSync(join(folder, 'config.json'))) return []
  const { kind, config } = readRunHeader(folder)
  if (kind !== 'sft')
    throw new BumpError(
      'invalid-options',
      `${folder} is a run of bump train. Resume it with: bump train --resume --name ${name}`,
    )
  return [fixedLayer(config, join(folder, 'config.json'))]
}

/** `sft-<task>-<condition>-<backbone>`, so that the same command finds its own run again. */
function defaultName({ task, condition, backbone }: Record<string, unknown>): string | undefined {
  if (task === undefined || condition === undefined || typeof backbone !== 'string') return undefined
  const stem = basename(backbone).replace(/\.gguf$/i, '')
  return `sft-${task}-${condition}-${stem}`
    .replace(/[^\w.-]+/g, '-')
    .toLowerCase()
    .slice(0, 100)
}
