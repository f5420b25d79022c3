// What bump itself writes, as somebody else may have changed it: configurations, run folders, checkpoints.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Engine } from '../../../src/engine/engine.ts'
import { readProfileFile } from '../../../src/evaluate/profiles/profile-file.ts'
import { logsOfRun } from '../../../src/generator/run-settings.ts'
import { writeReport } from '../../../src/report/report.ts'
import { writeEvaluation, writeRun, writeSftRun } from '../../../src/report/testing/run-folders.ts'
import { RunFolder } from '../../../src/run/folder.ts'
import type { RunHeader } from '../../../src/run/format.ts'
import {
  bestCheckpoint,
  checkpointPath,
  readGeneratorHeader,
  readProfileLines,
  readRunUsers,
  readSummary,
} from '../../../src/run/read.ts'
import { fixedLayer, yamlLayer } from '../../../src/train/config-layers.ts'
import { presetLayers, resolveTrainConfig } from '../../../src/train/resolve-config.ts'
import type { Sample, StructuredFile } from '../case.ts'
import { each, jsonFile, jsonLinesFile, programFile, safetensorsFile, type Target } from './target.ts'
import { tinyEngine } from './tiny-engine.ts'

const YAML = `# a run
name: &name tea
preset: paper
logs:
  paths: [reviews.parquet, 'more/*.csv']
  text: "title || ': ' || body"
trainable: {type: lora, rank: 8, alpha: 16, targets: [q, v]}
reward:
  type: bidirectional
  forwardWeight: 0.5
optim:
  steps: 36
  learningRate: 1e-4
judge:
  scorer: likelihood
profile: {maxTokens: 96, temperature: 0.7}
prompt:
  system: |
    Write who this is.
  instruction: >-
    folded
    text
`

export const yaml: Target = {
  // biome-ignore format: a list of words
  words: [
    'optim:', 'steps', 'name: ', '\n  ', '- ', '&a', '*a', '<<: *a', '!!binary x', '!!set {a}', '? [a]', '---\n',
    '...\n', '%YAML 1.1\n', 'null', '.inf', '0o17', '{', '}', 'judge: {scorer: listwise}',
    'judge: {scorer: several, judges: [{scorer: likelihood}, {scorer: embedding, model: x}]}',
  ],
  samples: async () => [{ 'train.yaml': programFile(YAML) }, { 'train.yaml': jsonFile(parse(YAML)) }],
  run: async (folder) => {
    const layer = yamlLayer(readFileSync(join(folder, 'train.yaml'), 'utf8'), 'train.yaml')
    resolveTrainConfig([...presetLayers(layer.values.preset), layer])
  },
}

let engine: Engine
/** What the run was started with: a run that is resumed must agree. */
let started: RunHeader

/** A run with a checkpoint of a model that is opened once. */
async function runWithCheckpoint(folder: string): Promise<Sample[]> {
  engine = await tinyEngine(folder)
  const model = join(folder, 'model')
  const run = writeRun(join(folder, 'run'), { steps: 6 })
  const checkpoint = checkpointPath('', 6)
  mkdirSync(join(run, checkpoint), { recursive: true })
  engine.saveState(join(run, checkpoint))
  writeEvaluation(join(folder, 'result.json'))
  const sft = writeSftRun(join(folder, 'sft'))
  const read = (...parts: string[]) => readFileSync(join(...parts))
  const json = (...parts: string[]) => jsonFile(JSON.parse(read(...parts).toString()))
  const lines = (...parts: string[]) =>
    jsonLinesFile(
      read(...parts)
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  const header = JSON.parse(read(run, 'config.json').toString())
  const bytes = Object.fromEntries(['metrics.jsonl', 'rollouts.jsonl'].map((name) => [name, read(run, name).length]))
  const loop = {
    step: 6,
    validatedAt: 6,
    best: { step: 6, score: 0.5 },
    worse: 0,
    tokens: 9,
    seconds: { train: 1 },
    bytes,
  }
  const state = Object.fromEntries(
    readdirSync(join(run, checkpoint)).map((name): [string, StructuredFile] => [
      join(checkpoint, name),
      name.endsWith('.json') ? json(run, checkpoint, name) : safetensorsFile(read(run, checkpoint, name)),
    ]),
  )
  const config = {
    ...resolveTrainConfig([fixedLayer({ name: 'tea', logs: { paths: ['tea.jsonl'] }, model }, '')]),
    ...header.config,
  }
  started = { ...header, config }
  const files = {
    'config.json': jsonFile(started),
    'metrics.jsonl': lines(run, 'metrics.jsonl'),
    'rollouts.jsonl': lines(run, 'rollouts.jsonl'),
    'profiles.jsonl': lines(run, 'profiles.jsonl'),
    'summary.json': json(run, 'summary.json'),
    'users.json': jsonFile({ train: ['a'], validation: ['b'], test: ['c'] }),
  }
  const { 'summary.json': _, ...unfinished } = files
  return [
    { ...files, 'result.json': json(folder, 'result.json') },
    { ...unfinished, [join(checkpoint, 'loop.json')]: jsonFile(loop), ...state },
    {
      'config.json': json(sft, 'config.json'),
      'metrics.jsonl': lines(sft, 'metrics.jsonl'),
      'summary.json': json(sft, 'summary.json'),
    },
  ]
}

export const runs: Target = {
  // biome-ignore format: a list of words
  words: [
    '"step":', '"best":null', '"reward":', 'NaN', '1e999', '"bytes":{}', '</script><script>', '\u2028',
    '"kind":"sft"', '"targets":["q"]',
  ],
  samples: runWithCheckpoint,
  run: async (folder, files) => {
    const evaluations = files.includes('result.json') ? [join(folder, 'result.json')] : []
    await each(
      () => writeReport({ runs: [folder], evaluations, out: join(folder, 'report.html') }),
      () => readGeneratorHeader(folder),
      () => logsOfRun(folder, { trust: true }),
      () => readRunUsers(folder),
      () => readSummary(folder),
      () => readProfileLines(folder),
      () => readProfileFile(join(folder, 'profiles.jsonl')),
      () => engine.loadState(checkpointPath(folder, bestCheckpoint(folder))),
      () => resume(folder),
    )
  },
}

function resume(folder: string): void {
  const run = RunFolder.open(folder, started, true)
  try {
    run.restore()
  } finally {
    run.close()
  }
}
