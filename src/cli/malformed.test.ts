// Malformed input through the command line itself: logs, configurations, stdin and run folders, each damaged in one
// place. Every one must end with exit code 1 or 2 and a message that names the file or field and the problem: never a
// stack trace, never "a bug in bump", never memory that a lying header asks for. Models: malformed-models.test.ts and
// malformed-gguf.test.ts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { openWeights } from '../engine/weights/open-weights.ts'
import { saveAdapter } from '../engine/weights/peft.ts'
import { writeSafetensors } from '../engine/weights/safetensors.ts'
import { writeTinyFolder } from '../engine/weights/testing/tiny-folder.ts'
import { trainConfigSchema } from '../train/config.ts'
import { type Content, damagedInput, LINE, QUICK } from './testing/damaged-input.ts'
import { CONFIGS, LOGS } from './testing/malformed-text.ts'

const { path, write, damaged, run, refused } = damagedInput()
beforeAll(() => writeTinyFolder(path('model')))
const generate = (...flags: string[]) => ['generate', ...flags, ...QUICK]

describe('logs', () => {
  it.each(LOGS)('%s for %s', async (_, reader, file, content, flags, code, message) => {
    const log = write(join('logs', file), content)
    const command = {
      inspect: ['logs', 'inspect', log],
      train: ['train', '--logs', log, '--model', path('model'), '--runs', path('runs')],
      judge: ['judge', 'check', '--logs', log, '--judge-model', path('model')],
    }
    await refused([...command[reader], ...flags], code, message)
  })
})

describe('configurations', () => {
  it.each(CONFIGS)('%s', async (_, yaml, flags, message) => {
    const config = write('train.yaml', yaml)
    await refused(['train', '--config', config, '--logs', 'x.jsonl', '--model', 'm', '--dry-run', ...flags], 2, message)
  })
})

describe('interactions on stdin', () => {
  it.each<[string, RegExp]>([
    ['', /no interactions on stdin/],
    [' \n\n', /no interactions on stdin/],
    ['{"text":"a"}\n{"te', /stdin:2: not valid JSON/],
    ['{"text":"a"}\n[1]', /stdin:2: no text in field "text"/],
    ['{"txt":"a"}', /stdin:1: no text in field "text" \(fields: txt\)/],
  ])('%j', (stdin, message) => refused(generate('--model', path('model')), 2, message, stdin))
})

describe('run folders', () => {
  const step = join('checkpoints', 'step-3')
  const json = (name: string, change: object) =>
    JSON.stringify({ ...JSON.parse(readFileSync(path('run', name), 'utf8')), ...change })
  const tensors = (...names: string[]) =>
    new Map(
      names
        .map((name) => [name, /A$/.test(name) ? [8, 2] : [2, 16]] as const)
        .map(([name, dims]) => [name, { dims, data: new Float32Array(dims[0] * dims[1]) }]),
    )
  const ADAPTER = ['l0.q.A', 'l0.q.B', 'l1.q.A', 'l1.q.B']

  beforeAll(async () => {
    const trainable = { type: 'lora', rank: 2, alpha: 4, targets: ['q'] }
    const config = trainConfigSchema.parse({
      name: 'x',
      logs: { paths: ['x'] },
      model: path('model'),
      trainable,
      quantize: 'none',
    })
    const { digest } = await openWeights(path('model'))
    const program = { name: 'bump-profiles', version: '0' }
    write('run/config.json', JSON.stringify({ config, package: program, model: { digest }, data: {} }))
    const bytes = { 'metrics.jsonl': 0, 'rollouts.jsonl': 0 }
    const loop = { step: 3, validatedAt: -1, best: null, worse: 0, tokens: 0, seconds: {}, bytes }
    write(join('run', step, 'loop.json'), JSON.stringify(loop))
    write(join('run', step, 'state.json'), JSON.stringify({ base: digest, step: 3 }))
    const lora = { rank: 2, alpha: 4, targets: ['q' as const], rsLora: false }
    saveAdapter(path('run', step), {
      config: lora,
      tensors: tensors(...ADAPTER),
      baseModel: { name: 'x' },
      family: 'llama',
    })
    const moments = ['first', 'second'].flatMap((moment) => ADAPTER.map((name) => `${moment}.${name}`))
    const written = [...tensors(...moments)].map(
      ([name, { dims, data }]) => [name, { dims, data: () => data }] as const,
    )
    writeSafetensors(path('run', step, 'optimizer.safetensors'), new Map(written))
  })

  const damagedRun = (name: string, content?: Content) => generate('--run', damaged('run', { [name]: content }))
  const cut = (name: string) => readFileSync(path('run', name)).subarray(0, -8)

  it('the well-formed run of these cases is read', async () => {
    expect(await run(generate('--run', path('run')), LINE)).toBe(0)
  })

  it.each<[what: string, name: string, content: () => Content | undefined, message: RegExp]>([
    ['config.json missing', 'config.json', () => undefined, /is no run folder: it has no config\.json/],
    ['config.json cut', 'config.json', () => cut('config.json'), /config\.json is damaged/],
    ['config.json that is null', 'config.json', () => 'null', /config\.json is damaged/],
    [
      'a configuration that is a list',
      'config.json',
      () => json('config.json', { config: [] }),
      /another version of bump/,
    ],
    [
      'no model',
      'config.json',
      () => json('config.json', { model: undefined }),
      /config\.json was written by another version/,
    ],
    [
      'another model',
      'config.json',
      () => json('config.json', { model: { digest: 'x' } }),
      /is not the model that .* was trained on/,
    ],
    ['no checkpoints', 'checkpoints', () => undefined, /has no checkpoint yet/],
    ['a file for the checkpoints', 'checkpoints', () => 'x', /checkpoints/],
    ['no loop.json', join(step, 'loop.json'), () => undefined, /step-3\/loop\.json is damaged/],
    [
      'a step that is a text',
      join(step, 'loop.json'),
      () => json(join(step, 'loop.json'), { best: 'x' }),
      /step-3\/loop\.json is damaged/,
    ],
    [
      'a loop.json with half a byte',
      join(step, 'loop.json'),
      () => json(join(step, 'loop.json'), { bytes: { 'metrics.jsonl': 0.5 } }),
      /step-3\/loop\.json is damaged/,
    ],
    [
      'a best step without checkpoint',
      join(step, 'loop.json'),
      () => json(join(step, 'loop.json'), { best: { step: 2, score: 1 } }),
      /step-2/,
    ],
    ['no adapter', join(step, 'adapter_config.json'), () => undefined, /adapter_config\.json: the file is missing/],
    [
      'an adapter of rank 10^9',
      join(step, 'adapter_config.json'),
      () => json(join(step, 'adapter_config.json'), { r: 1e9 }),
      /adapter_config\.json: "r" cannot be used/,
    ],
    [
      'an adapter that is cut',
      join(step, 'adapter_model.safetensors'),
      () => cut(join(step, 'adapter_model.safetensors')),
      /adapter_model\.safetensors: damaged.*truncated/,
    ],
    ['a policy of another model', join(step, 'state.json'), () => '{"base":"x","step":3}', /belongs to another model/],
  ])('%s', (_, name, content, message) => refused(damagedRun(name, content()), 1, message, LINE))
})
