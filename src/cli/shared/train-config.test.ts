// Configurations from flags, files and presets: what wins, and what each mistake is answered with.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { BumpError } from '../../util/errors.ts'
import { configOfFlags, type TrainFlags, yamlExpressions } from './train-config.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-config-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
})
afterAll(() => vi.unstubAllEnvs())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function resolve(flags: Partial<TrainFlags>) {
  return configOfFlags({ set: [], runs: join(folder, 'runs'), ...flags })
}
const basic = { logs: ['data/Posts 2024.jsonl.gz'], model: 'models/SmolLM2-135M.gguf' }

function yaml(text: string): string {
  const path = join(folder, 'train.yaml')
  writeFileSync(path, text)
  return path
}

describe('a configuration', () => {
  it('needs only logs and a model; the name comes from them', () => {
    const config = resolve(basic)
    expect(config.name).toBe('posts-2024-smollm2-135m')
    expect(config.optim.loss).toBe('dapo')
    expect(config.trainable).toMatchObject({ type: 'lora', rank: 16 })
  })

  it('takes flags over the file, and --set over flags', () => {
    const config = yaml(
      'name: mine\nmodel: a\nlogs: {paths: [x.csv], user: who}\noptim:\n  steps: 5\n  clipHigh: 0.28\n',
    )
    const resolved = resolve({ config, model: 'b', steps: '7', set: ['optim.steps=9', 'judge.scorer=pointwise'] })
    expect(resolved).toMatchObject({ name: 'mine', model: 'b', logs: { user: 'who' }, judge: { scorer: 'pointwise' } })
    expect(resolved.optim).toMatchObject({ steps: 9, clipHigh: 0.28 })
  })

  it('lowers by the preset private what a profile may give away', () => {
    const { prompt, reward, profile, optim } = resolve({ ...basic, preset: 'private' })
    const plain = resolve(basic)
    expect(prompt.redact).toBe(true)
    expect(plain.prompt).not.toHaveProperty('redact')
    expect(reward.maxCopiedNgram).toBeLessThan(plain.reward.maxCopiedNgram)
    expect(reward.lengthBudget).toBeLessThan(plain.reward.lengthBudget)
    expect(profile.maxTokens).toBeLessThan(plain.profile.maxTokens)
    expect(optim.klCoef).toBeGreaterThan(plain.optim.klCoef)
  })

  it('puts a preset under everything else', () => {
    const config = resolve({ ...basic, model: undefined, preset: 'paper', set: ['judge.orders=3'] })
    expect(config.model).toBe('Qwen/Qwen3-4B-Instruct-2507')
    expect(config.judge).toMatchObject({ scorer: 'listwise', decoder: 'permutation', orders: 3 })
  })

  it('replaces a section whose type changes', () => {
    expect(resolve({ ...basic, preset: 'paper', set: ['judge.scorer=likelihood'] }).judge).not.toHaveProperty('orders')
    expect(resolve({ ...basic, set: ['trainable.type=full'] }).trainable).toEqual({ type: 'full' })
    expect(resolve({ ...basic, set: ['trainable.rank=4'] }).trainable).toMatchObject({ type: 'lora', rank: 4 })
  })

  it('resolves to itself from its own --dry-run', () => {
    const config = resolve({
      ...basic,
      preset: 'paper',
      set: ['logs.text=title || body', 'optim.importanceSampling.enabled=true'],
    })
    expect(resolve({ config: yaml(stringify(config)) })).toEqual(config)
    expect(parse(stringify(config))).toEqual(config)
  })

  it('keeps what a file sets of a section without naming its type, whatever type a flag gives', () => {
    const flags = { ...basic, reward: 'labels', task: '3', data: 'x' }
    const { reward } = resolve({ ...flags, config: yaml('reward: { positives: 2, lengthBudget: 40 }') })
    expect(reward).toMatchObject({ type: 'custom', name: 'labels', positives: 2, lengthBudget: 40 })
    expect(reward).toMatchObject({ options: { task: 3, data: 'x', budget: 512, maxQuestions: 2 } })
    const typed = resolve({ ...flags, config: yaml('reward: { type: bidirectional, positives: 2 }') })
    expect(typed.reward).toMatchObject({ type: 'custom', positives: 1 })
  })

  it('of thousands of levels is refused', () => {
    for (const level of ['{"name":"', '{a: ', '[', '- '])
      expect(() => resolve({ config: yaml(level.repeat(4000)) })).toThrow(BumpError)
  })

  it('goes on under --resume with what the run was started with', () => {
    const config = resolve({ ...basic, name: 'old', set: ['optim.steps=3'] })
    mkdirSync(join(folder, 'runs', 'old'), { recursive: true })
    writeFileSync(
      join(folder, 'runs', 'old', 'config.json'),
      JSON.stringify({ config, package: { name: 'bump', version: '0' }, model: {}, data: {} }),
    )
    expect(resolve({ name: 'old', resume: true })).toEqual(config)
    expect(resolve({ name: 'old', resume: true, steps: '4' }).optim.steps).toBe(4)
    expect(() => resolve({ resume: true })).toThrow('--resume: say which run by --name')
  })

  /** Writes the record of a run that was made elsewhere. */
  function recordRun(config: object): void {
    mkdirSync(join(folder, 'runs', 'theirs'), { recursive: true })
    writeFileSync(
      join(folder, 'runs', 'theirs', 'config.json'),
      JSON.stringify({ config, package: { name: 'bump', version: '0' }, model: {}, data: {} }),
    )
  }
  const resumed = { name: 'theirs', resume: true }

  it('takes the SQL expressions of a run that was made elsewhere only with --trust, or where flags name others', () => {
    const config = resolve({ ...basic, name: 'theirs', text: 'upper(body)' })
    recordRun(config)
    expect(() => resolve(resumed)).toThrow(/theirs.config\.json names SQL expressions.*\n {2}text: upper\(body\)\n/)
    expect(resolve({ ...resumed, trust: true })).toEqual(config)
    expect(resolve({ ...resumed, text: 'body' }).logs.text).toBe('body')
    expect(() => resolve({ ...resumed, text: 'body', query: 'select 1' })).toThrow(/\n {2}query: select 1 \(of /)
    expect(resolve({ ...resumed, text: 'body', with: { items: 'i.csv' } }).logs.with).toEqual({ items: 'i.csv' })
  })

  it('lets no damaged part of such a run hide another one', () => {
    const config = resolve({ ...basic, name: 'theirs', text: 'upper(body)' })
    recordRun({ ...config, logs: { ...config.logs, time: 5, with: { a: 6, b: '/etc/passwd' } } })
    const mended = { ...resumed, time: 'ts', with: { a: 'a.csv' } }
    expect(() => resolve(mended)).toThrow(/\n {2}text: upper\(body\)\n {2}with\.b: \/etc\/passwd\n/)
    expect(() => resolve({ ...resumed, trust: true })).toThrow('logs.time: expected string')
  })

  it('makes no name of what lets into a database', () => {
    const logs = ['postgres://me:p#w@host/app']
    expect(resolve({ logs, query: 'select 1', model: 'm' })).toMatchObject({
      name: 'app-m',
      logs: { query: 'select 1' },
    })
  })

  it('shows the expressions of a file that no flag replaces', () => {
    const config = yaml('logs: { paths: [x.csv], user: who, time: epoch(ts), text: upper(body) }\nmodel: m')
    const shown = (flags: Partial<TrainFlags>) =>
      yamlExpressions({ set: [], runs: 'runs', config, ...flags }, resolve({ config, ...flags }))
    expect(shown({})).toEqual([
      `${config}: time is the SQL expression epoch(ts)`,
      `${config}: text is the SQL expression upper(body)`,
    ])
    expect(shown({ time: 'ts' })).toHaveLength(1)
    expect(shown({ config: undefined, ...basic, text: 'upper(body)' })).toEqual([])
    const joined = yaml('logs: { paths: [x.csv], with: { a: a.csv, b: b.csv } }\nmodel: m')
    expect(shown({ config: joined, with: { b: 'mine.csv' } })).toEqual([`${joined}: with.a is a.csv`])
    expect(resolve({ config: joined, with: { b: 'mine.csv' } }).logs.with).toEqual({ a: 'a.csv', b: 'mine.csv' })
  })
})

const file = (text: string) => () => ({ ...basic, config: yaml(text) })
const set =
  (...assignments: string[]) =>
  () => ({ ...basic, set: assignments })
const mistakes: [string, () => Partial<TrainFlags>, string][] = [
  ['nothing at all', () => ({}), 'bump train needs logs and a model'],
  ['no model', () => ({ logs: ['a.csv'] }), 'bump train needs logs and a model'],
  [
    'a flag that is no number',
    () => ({ ...basic, steps: 'many' }),
    '--steps: optim.steps: expected number, received string',
  ],
  ['a fraction of a step', () => ({ ...basic, steps: '1.5' }), '--steps: optim.steps'],
  ['no steps', () => ({ ...basic, steps: '0' }), '--steps: optim.steps: Too small'],
  ['a negative seed', () => ({ ...basic, seed: '-1' }), '--seed: seed: Too small'],
  ['an infinite number of steps', () => ({ ...basic, steps: '1e999' }), '--steps: optim.steps'],
  ['an absurd group', set('rollout.groupSize=1000000000'), 'rollout.groupSize: Too big'],
  ['a name that leaves the folder', () => ({ ...basic, name: '../x' }), '--name: name: letters, digits'],
  ['a hidden name', () => ({ ...basic, name: '.x' }), '--name: name: letters, digits'],
  ['an unknown preset', () => ({ ...basic, preset: 'papers' }), '--preset: preset: expected one of "paper"|"private"'],
  ['an unknown format', () => ({ ...basic, format: 'xml' as 'csv' }), '--format: logs.format'],
  ['a file that is not there', () => ({ ...basic, config: join(folder, 'none.yaml') }), 'cannot be read (ENOENT)'],
  ['a folder as the file', () => ({ ...basic, config: folder }), 'cannot be read (EISDIR)'],
  ['a list as the file', file('- a\n- b\n'), 'train.yaml: a configuration is a mapping'],
  ['a text as the file', file('hello'), 'train.yaml: a configuration is a mapping'],
  ['YAML that does not parse', file('optim: {steps: 3\nseed: 1'), 'not valid YAML'],
  ['a key given twice', file('seed: 1\nname: a\nseed: 2\n'), 'train.yaml:3: not valid YAML'],
  [
    'an unknown key in a list',
    file('judge:\n  scorer: several\n  judges:\n    - { scorer: likelihood }\n    - { scorer: pointwise, modle: x }\n'),
    'train.yaml:3: unknown key judge.judges.1.modle; did you mean model?',
  ],
  [
    'one judge as several',
    set('judge.scorer=several', 'judge.judges=[{scorer: likelihood}]'),
    'judge.judges: name at least two judges',
  ],
  [
    'an encoder that is not named',
    set('test.judges=[{scorer: embedding}]'),
    'test.judges.0.model: the embedding scorer needs an encoder',
  ],
  [
    'an unknown section',
    file('seed: 1\noptimizer:\n  steps: 3\n'),
    'train.yaml:2: unknown key optimizer; did you mean optim?',
  ],
  [
    'an unknown nested key',
    file('optim:\n  steps: 3\n  learningrate: 1\n'),
    'train.yaml:3: unknown key optim.learningrate; did you mean learningRate?',
  ],
  [
    'an unknown key two levels down',
    file('optim:\n  importanceSampling:\n    enable: true\n'),
    'train.yaml:3: unknown key optim.importanceSampling.enable; did you mean enabled?',
  ],
  [
    'an unknown key of another author',
    set('reward.negative=8'),
    '--set reward.negative: unknown key reward.negative; did you mean negatives?',
  ],
  ['a key like no other', set('zzzzzz=1'), 'valid here: preset, name, seed'],
  ['a renamed prototype', set('__proto__.x=1'), 'unknown key __proto__'],
  ['a key of another variant', set('judge.scorer=likelihood', 'judge.orders=2'), 'orders does not belong to this type'],
  ['lora settings of a full run', set('trainable.type=full', 'trainable.rank=8'), 'rank does not belong to this type'],
  ['an unknown variant', set('judge.scorer=oracle'), "--set judge.scorer: judge.scorer: Expected 'likelihood'"],
  ['an unknown reward', set('reward.type=oracle'), "reward.type: Expected 'bidirectional' | 'custom'"],
  [
    'a key of the other reward',
    set('reward.type=custom', 'reward.name=mine', 'reward.forwardWeight=2'),
    'reward: forwardWeight does not belong to this type',
  ],
  ['labels without a folder', () => ({ ...basic, reward: 'labels', task: '3' }), 'reward.options.data: is required'],
  [
    'a task that is none',
    () => ({ ...basic, reward: 'labels', task: '8', data: 'x' }),
    'reward.options.task: expected one of 1|2',
  ],
  [
    'a misspelt key of labels',
    () => ({ ...basic, reward: 'labels', task: '3', data: 'x', set: ['reward.options.maxQuestion=3'] }),
    'unknown key reward.options.maxQuestion; did you mean maxQuestions?',
  ],
  ['an unknown loss', set('optim.loss=ppo'), '--set optim.loss: optim.loss: expected one of "grpo"'],
  ['an unknown projection', set('trainable.targets=[q, x]'), 'trainable.targets.1: expected one of "q"'],
  [
    'a text for a number',
    file('rollout:\n  users: eight\n'),
    'train.yaml:2: rollout.users: expected number, received string',
  ],
  ['a value for a section', file('optim: 3\n'), 'train.yaml:1: optim: expected object, received number'],
  ['nothing for a section', file('optim:\n'), 'train.yaml:1: optim: expected object, received null'],
  ['a negative learning rate', set('optim.learningRate=-1'), 'optim.learningRate: Too small'],
  ['not a number', set('optim.learningRate=.nan'), 'optim.learningRate: expected number, received NaN'],
  ['a share above one', set('split.validation=1.5'), 'split.validation: a share below 1 or a whole number of users'],
  ['a group of one', set('rollout.groupSize=1'), 'rollout.groupSize: Too small'],
  ['no logs in the list', file('logs: {paths: []}\nmodel: m\n'), 'logs.paths: Too small'],
  ['an assignment without a value', set('optim.steps'), 'write it as key=value'],
  ['an assignment without a key', set('=3'), 'write it as key=value'],
  ['an assignment with a hole in its key', set('optim..steps=3'), 'write it as key=value'],
  ['assignments that contradict', set('seed=1', 'seed.x=2'), 'contradicts an earlier --set of seed'],
  ['a value that is no YAML', set('logs.paths=[a'), 'not valid YAML'],
  [
    'an alias bomb',
    file(
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`)}]`).join('\n')}\n`,
    ),
    'train.yaml',
  ],
]

describe('mistakes', () => {
  it.each(mistakes)('%s', (_, flags, message) => {
    const given = flags()
    const only = given.config && message.includes('logs.paths') ? { ...given, logs: undefined } : given
    let caught: unknown
    try {
      resolve(only)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(BumpError)
    expect((caught as BumpError).message).toContain(message)
    expect((caught as BumpError).code).toBe('invalid-options')
  })

  it('are all told at once', () => {
    const wrong = () => resolve({ ...basic, set: ['optim.steps=x', 'rollout.users=1', 'judge.scorer=7'] })
    expect(wrong).toThrow(/optim\.steps.*\n.*rollout\.users|rollout\.users[\s\S]*optim\.steps/)
  })
})
