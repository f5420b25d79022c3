// `bump sft` on the nano model: it learns a small mapping, shows the profiles it is told to, and refuses what it cannot
// use.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openModel } from '../model/onnx/open.ts'
import { main } from './main.ts'
import { openTextModel } from './shared/text-model.ts'
import { capturedOutput } from './testing/captured.ts'
import { headlineInput, writeHeadlines } from './testing/headlines.ts'

const captured = capturedOutput()
const NANO = fileURLToPath(new URL('../../assets/nano', import.meta.url))
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-sft-cli-'))
  writeHeadlines(join(folder, 'data'), 12)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function sft(...flags: string[]): Promise<number> {
  const base = ['sft', '--task', '4', '--data', join(folder, 'data'), '--backbone', NANO, '--runs', folder]
  return main([...base, '--threads', '1', ...flags])
}

const json = (run: string, file: string) => JSON.parse(readFileSync(join(folder, run, file), 'utf8'))

describe('bump sft', () => {
  it('learns a small mapping: the loss of held-out users falls, and the adapter holds what was learned', async () => {
    const settings = ['optim.epochs=20', 'optim.learningRate=5e-3', 'batch.examples=6', 'validation.users=3']
    const sets = settings.flatMap((setting) => ['--set', setting])
    expect(await sft('--condition', 'none', '--name', 'learns', ...sets), captured.stderr).toBe(0)
    const summary = json('learns', 'summary.json')
    expect(summary).toMatchObject({ task: 4, variant: 'LaMP-4', condition: 'none', rebuilt: true })
    expect(summary.examples).toEqual({ train: 18, validation: 6 })
    expect(summary.validationLoss.best).toBeLessThan(summary.validationLoss.first / 100)
    expect(json('learns', 'users.json').validation).toHaveLength(3)
    expect(captured.stdout).toContain(`--sft none=${join(folder, 'learns')}`)

    const model = await openModel(NANO, { threads: 1 })
    try {
      await model.loadPolicy(join(folder, 'learns', 'adapter'))
      const requests = ['croissants', 'gambits'].map((thing) => ({
        prompt: model.tokenizer.chat([{ role: 'user', content: headlineInput(thing) }]),
        seeds: [1],
      }))
      const answers = await model.sample(requests, { maxTokens: 8, temperature: 0 })
      expect(answers.map(([{ tokens, stopReason }]) => [model.tokenizer.decode(tokens), stopReason])).toEqual([
        ['baking', 'stop'],
        ['chess', 'stop'],
      ])
    } finally {
      await model.close()
    }
  })

  it('learns in 8 bits, for a backbone that answers in 8 bits', async () => {
    const settings = ['optim.epochs=6', 'optim.learningRate=5e-3', 'batch.examples=6', 'precision=int8']
    const sets = settings.flatMap((setting) => ['--set', setting])
    expect(await sft('--condition', 'none', '--name', 'eight', ...sets), captured.stderr).toBe(0)
    expect(json('eight', 'config.json').config.precision).toBe('int8')
    const { first, best } = json('eight', 'summary.json').validationLoss
    expect(best).toBeLessThan(first / 3)
    const adapted = { backbone: NANO, adapter: join(folder, 'eight'), threads: 1 }
    await expect(openTextModel(adapted, () => {})).rejects.toThrow(/precision int8: answer with --quantize int8/)
    const { model, close } = await openTextModel({ ...adapted, quantize: 'int8' }, () => {})
    const labels = ['baking', 'chess']
    const [[baking, chess]] = await model.chooseLogprobs!(
      [[{ role: 'user', content: headlineInput('gambits') }]],
      labels,
    )
    expect(chess).toBeGreaterThan(baking)
    await close()
  })

  it('shows profiles of a file, and those that the backbone writes itself', async () => {
    const profiles = join(folder, 'profiles.jsonl')
    const users = Array.from({ length: 12 }, (_, u) => ({ user: `train-u${u}`, profile: `likes number ${u}` }))
    writeFileSync(profiles, users.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const few = ['--steps', '1', '--examples', '8', '--set', 'validation.users=1']
    expect(await sft('--condition', 'bump', '--profiles', profiles, '--name', 'file', ...few), captured.stderr).toBe(0)
    expect(json('file', 'summary.json')).toMatchObject({ steps: 1, examples: { train: 6, validation: 2 } })
    vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
    expect(await sft('--condition', 'zero-shot', '--name', 'zero', ...few), captured.stderr).toBe(0)
    vi.unstubAllEnvs()
    expect(captured.stderr).toMatch(/zero-shot profiles: 4\/4/)
    const digest = (run: string) => json(run, 'config.json').data.digest
    expect(digest('zero')).not.toBe(digest('file'))
    // The run of a backbone is no generator.
    expect(await sft('--condition', 'bump', '--run', join(folder, 'file'), '--name', 'no')).toBe(1)
    expect(captured.stderr).toContain('is a run of bump sft')
  })

  it('leaves out what does not fit the context, and says so', async () => {
    const long = join(folder, 'long')
    writeHeadlines(long, 3)
    const outputs = JSON.parse(readFileSync(join(long, 'train_outputs.json'), 'utf8'))
    outputs.golds[0].output = 'chess '.repeat(1100)
    outputs.golds[1].output = ' '
    writeFileSync(join(long, 'train_outputs.json'), JSON.stringify(outputs))
    const flags = ['--data', long, '--condition', 'recent', '--budget', '24', '--name', 'long', '--steps', '1']
    expect(await sft(...flags), captured.stderr).toBe(0)
    expect(captured.stderr).toMatch(/2 of 6 questions are left out: .*1024 tokens/)
    expect(json('long', 'summary.json').examples).toEqual({ train: 2, validation: 2 })
  })

  it('prints the resolved configuration', async () => {
    expect(await sft('--condition', 'bump+bm25', '--run', 'runs/x', '--epochs', '2', '--dry-run')).toBe(0)
    expect(captured.stdout).toContain('name: sft-4-bump-bm25-nano\n')
    expect(captured.stdout).toContain('  epochs: 2\n')
    expect(captured.stdout).toContain('  learningRate: 0.0002\n')
    expect(existsSync(join(folder, 'sft-4-bump-bm25-nano'))).toBe(false)
  })
})

describe('mistakes', () => {
  const named = (data: string, condition: string, ...more: string[]) => [
    'sft',
    '--task',
    '4',
    '--data',
    data,
    '--backbone',
    'NANO',
    '--condition',
    condition,
    ...more,
  ]
  it.each<[string[], number, RegExp]>([
    [['sft'], 2, /--task, --data, --backbone, --condition are missing/],
    [['sft', '--task', '4', '--data', 'd', '--backbone', 'b'], 2, /--condition is missing/],
    [
      ['sft', '--engine', 'tinker', ...named('d', 'none').slice(1), '--set', 'precision=int8'],
      2,
      /precision: on a Tinker server the server decides/,
    ],
    [['sft', '--condition', 'mismatched'], 2, /Allowed choices are none, recent/],
    [['sft', '--resume'], 2, /say which run by --name/],
    [named('d', 'none', '--task', '9'), 2, /--task: task/],
    [named('d', 'none', '--set', 'optim.lr=1'), 2, /unknown key optim\.lr/],
    [named('nowhere', 'none'), 1, /nowhere: no such folder/],
    [named('DATA', 'none', '--budget', '5000'), 2, /budget 5000/],
    [named('DATA', 'none', '--set', 'validation.users=12'), 1, /none are left to train on/],
    [named('DATA', 'none', '--run', 'x'), 2, /leave out run/],
    [named('DATA', 'none', '--text', 'text'), 2, /leave out text/],
    [named('DATA', 'bump', '--run', 'x', '--profiles', 'y'), 2, /not from both/],
    [named('DATA', 'bump', '--run', 'nowhere'), 1, /nowhere is no run folder/],
    [named('DATA', 'bump'), 2, /name its run \(run\)/],
    [named('DATA', 'bump', '--profiles', 'DATA/none.jsonl'), 1, /none\.jsonl: no such file/],
    [
      named('DATA', 'bump', '--profiles', 'DATA/other.jsonl'),
      1,
      /no profile for 12 of the 12 users .*\(train-u0, .*other/,
    ],
    [named('DATA', 'bump', '--profiles', 'DATA/bad.jsonl'), 1, /bad\.jsonl:2 is no profile/],
    [named('DATA', 'zero-shot', '--text', 'abstract'), 2, /an item without "abstract"/],
  ])('bump %j', async (argv, code, message) => {
    writeFileSync(join(folder, 'data', 'other.jsonl'), '{"user":"ada","profile":"likes rivers"}\n')
    writeFileSync(join(folder, 'data', 'bad.jsonl'), '{"user":"ada","profile":"likes rivers"}\n{"user":"bo"}\n')
    const real = argv.map((arg) => arg.replace('DATA', join(folder, 'data')).replace('NANO', NANO))
    expect(await main([...real, '--runs', folder])).toBe(code)
    expect(captured.stderr).toMatch(message)
    expect(captured.stderr).not.toMatch(/^ +at /m)
  })
})
