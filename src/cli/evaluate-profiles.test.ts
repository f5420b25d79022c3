// `bump evaluate profiles` end to end: a short run of the bundled model, evaluated on its test users in several ways.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { BumpError } from '../util/errors.ts'
import { evaluateProfilesCommand } from './evaluate-profiles.ts'
import { capturedOutput } from './testing/captured.ts'
import { trainCommand } from './train.ts'

const captured = capturedOutput()
const asset = (...parts: string[]): string => fileURLToPath(new URL(`../../assets/${parts.join('/')}`, import.meta.url))
const NANO = asset('nano')
const LOG = asset('example', 'log.jsonl')

let folder: string
let run: string

/** The command as the command line runs it. */
async function bump(...argv: string[]): Promise<void> {
  const root = new Command('bump').addCommand(trainCommand())
  root.addCommand(new Command('evaluate').addCommand(evaluateProfilesCommand()))
  for (const command of [root, ...root.commands, ...root.commands[1].commands])
    command.exitOverride().configureOutput({ writeErr: () => {} })
  await root.parseAsync(argv, { from: 'user' })
}
const evaluate = (...flags: string[]) => bump('evaluate', 'profiles', '--threads', '1', ...flags)

const result = (out: string) => evaluationResultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))
const userLines = (out: string) =>
  readFileSync(join(out, 'users.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-evaluate-'))
  run = join(folder, 'example')
  captured.start()
  const small = ['trainable.type=full', 'rollout.users=2', 'rollout.groupSize=2', 'profile.maxTokens=12']
  const less = [
    'split.validation=2',
    'split.test=14',
    'test.maxUsers=2',
    'validation.maxUsers=2',
    'prompt.historyTokens=48',
  ]
  const settings = [...small, ...less, 'optim.steps=1', 'reward.negatives=1', 'checkpoint.every=1']
  const where = ['--name', 'example', '--runs', folder, '--threads', '1']
  await bump('train', '--logs', LOG, '--model', NANO, ...where, ...settings.flatMap((each) => ['--set', each]))
  vi.restoreAllMocks()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('bump evaluate profiles', () => {
  it('compares all conditions on the test users of a run, and asks nothing twice', async () => {
    const out = join(run, 'evaluate', 'profiles')
    await evaluate('--run', run, '--checkpoint', 'step-1', '--checkpoint', 'step-0', '--pool-sizes', '4,8')
    const first = result(out)
    expect(first.kind).toBe('profiles')
    expect(first.command).toMatch(/^bump evaluate profiles .*--run .*--pool-sizes 4,8$/)
    expect(first.tables.map(({ title }) => title.slice(0, 5))).toEqual(['K = 4', 'K = 8', 'What '])
    const wording = first.tables[2].rows.map(({ condition }) => condition)
    expect(wording).toEqual(['zero-shot', 'run', expect.stringMatching(/^run@step-[01]$/)])
    for (const table of first.tables.slice(0, 2)) {
      const keys = table.rows.map(({ condition }) => condition)
      expect(keys.slice(0, 5)).toEqual(['none', 'generic', 'history', 'zero-shot', 'run'])
      expect(keys.slice(5)).toEqual([expect.stringMatching(/^run@step-[01]$/), 'mismatched'])
      expect(table.rows.every(({ n }) => n === 14)).toBe(true)
      expect(table.differences).toHaveLength((7 * 6) / 2)
      expect(table.notes.join('\n')).toMatch(/the same that .*example was trained with/)
      for (const condition of ['none', 'generic'])
        expect(table.rows.find((row) => row.condition === condition)?.values.gain_backward.mean).toBeCloseTo(0, 10)
    }
    expect(first.settings).toMatchObject({ users: 14, poolSizes: [4, 8], judge: { config: { scorer: 'likelihood' } } })

    const users = userLines(out)
    const known = JSON.parse(readFileSync(join(run, 'users.json'), 'utf8'))
    expect(users.map(({ user }) => user).sort()).toEqual([...known.test].sort())
    for (const { conditions } of users) {
      expect(conditions.history.profile).toMatch(/^- /)
      expect(conditions.run.pools['8'].forward.ndcg).toBeGreaterThan(0)
      expect(conditions.mismatched.profile).toBe(
        users.find(({ user }) => user === conditions.mismatched.of).conditions.run.profile,
      )
    }
    expect(captured.stdout).toContain('K = 8')
    expect(captured.stderr).toMatch(/14 users: \d+ pairs .* to judge\n/)

    const scores = readFileSync(join(out, 'scores.jsonl'), 'utf8')
    await evaluate('--run', run, '--checkpoint', 'step-1', '--checkpoint', 'step-0', '--pool-sizes', '4,8')
    expect(result(out).tables).toEqual(first.tables)
    expect(readFileSync(join(out, 'scores.jsonl'), 'utf8')).toBe(scores)
    expect(captured.stderr).toMatch(/(\d+) pairs of a profile and an interaction to judge, \1 of them judged before/)
  })

  it('compares every run with zero-shot profiles that are asked for as its own', async () => {
    const shorter = join(folder, 'shorter')
    cpSync(run, shorter, { recursive: true })
    const header = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
    header.config.profile.maxTokens = 4
    writeFileSync(join(shorter, 'config.json'), JSON.stringify(header))
    const out = join(folder, 'two-bases')
    await evaluate(
      ...['--run', run, '--run', shorter, '--conditions', 'zero-shot,run', '--pool-sizes', '4', '--out', out],
    )
    const [{ rows }] = result(out).tables
    expect(rows.map(({ condition, label }) => [condition, label])).toEqual([
      ['zero-shot', 'zero-shot profile (example: nano)'],
      ['zero-shot2', 'zero-shot profile (shorter: nano)'],
      ['run', expect.stringMatching(/^BUMP profile \(example, step/)],
      ['run2', expect.stringMatching(/^BUMP profile \(shorter, step/)],
    ])
    const [{ conditions }] = userLines(out)
    expect(conditions['zero-shot'].profile).not.toBe(conditions['zero-shot2'].profile)
    expect(captured.stdout).toMatch(/BUMP profile \(shorter, step \d+\) − zero-shot profile \(shorter: nano\)/)
  })

  it('says which test users have other interactions than at the test of the run', async () => {
    const asked = ['--conditions', 'generic', '--pool-sizes', '4']
    await evaluate('--run', run, ...asked, '--out', join(folder, 'as-before'))
    expect(result(join(folder, 'as-before')).tables[0].notes.join('\n')).not.toContain('the logs have changed')

    const grown = join(folder, 'grown')
    cpSync(run, grown, { recursive: true })
    const [tested] = readFileSync(join(run, 'profiles.jsonl'), 'utf8').split('\n')
    const { user } = JSON.parse(tested)
    const log = join(folder, 'grown.jsonl')
    writeFileSync(log, `${readFileSync(LOG, 'utf8')}${JSON.stringify({ user, text: 'something else entirely' })}\n`)
    const config = readFileSync(join(grown, 'config.json'), 'utf8')
    writeFileSync(join(grown, 'config.json'), config.replaceAll(JSON.stringify(LOG), JSON.stringify(log)))
    await evaluate('--run', grown, ...asked, '--out', join(folder, 'after'))
    expect(result(join(folder, 'after')).tables[0].notes).toContainEqual(
      expect.stringMatching(new RegExp(`1 of the 14 test users of .*grown have other interactions .*\\(${user}\\)`)),
    )
  })

  it('judges by each judge that is named, one table each', async () => {
    const out = join(folder, 'judges')
    const encoder = fileURLToPath(new URL('../engine/golden/encoder-mean', import.meta.url))
    const named = ['--judge', 'likelihood', '--judge', `embedding=${encoder}`]
    await evaluate('--run', run, ...named, '--conditions', 'generic', '--pool-sizes', '4', '--out', out)
    const { tables, settings } = result(out)
    expect(tables.map(({ title }) => title.split(':')[0])).toEqual([
      'K = 4, judged by likelihood on nano',
      'K = 4, judged by embedding on encoder-mean',
    ])
    expect(tables[0].notes.join()).toContain('the same that')
    expect(tables[1].notes.join()).toContain('another judge, the likelihood scorer')
    expect(settings).toMatchObject({ judge: { model: NANO }, judges: [{ model: NANO }, { model: encoder }] })
    const [{ conditions }] = userLines(out)
    expect(Object.keys(conditions.generic.judges)).toEqual(['likelihood', 'embedding'])
    expect(conditions.generic.judges.likelihood.pools).toEqual(conditions.generic.pools)
  })

  it('compares files, servers and untrained models under another scorer', async () => {
    const known = JSON.parse(readFileSync(join(run, 'users.json'), 'utf8'))
    const file = join(folder, 'mine.jsonl')
    writeFileSync(
      file,
      known.test.map((user: string) => `${JSON.stringify({ user, profile: 'Likes tea.' })}\n`).join(''),
    )
    const asked: { model: string; messages: { content: string }[] }[] = []
    const server = await listen((body) => {
      asked.push(body as (typeof asked)[number])
      return { choices: [{ message: { content: `Profile: likes ${asked.length} things.` }, finish_reason: 'stop' }] }
    })
    const out = join(folder, 'others')
    const flags = ['--run', run, '--model', NANO, '--profiles', file, '--users', '5', '--out', out]
    const more = ['--server', address(server), '--server-model', 'large', '--scorer', 'pointwise']
    const list = ['--conditions', 'history,zero-shot,mismatched']
    try {
      await evaluate(...flags, ...more, ...list)
      await evaluate(...flags, ...more, ...list)
    } finally {
      server.close()
    }
    expect(asked).toHaveLength(5)
    expect(asked[0].model).toBe('large')
    expect(asked[0].messages.at(-1)?.content).toContain('Records of one person')
    const [table] = result(out).tables
    expect(table.title).toMatch(/^K = 3:/)
    expect(table.rows.map(({ condition }) => condition)).toEqual([
      'history',
      'zero-shot',
      'model',
      'server',
      'file',
      'mismatched',
    ])
    expect(table.notes.join('\n')).toMatch(/another judge, the likelihood scorer .*the same model with another scorer/)
    expect(table.notes.join('\n')).toContain('whether its generator was trained on these users is not known')
    expect(userLines(out)[0].conditions.server.profile).toMatch(/^likes \d things\.$/)
  })

  it('takes a server for zero-shot profiles where there is no generator here', async () => {
    const server = await listen(() => ({ choices: [{ message: { content: 'Likes tea.' }, finish_reason: 'stop' }] }))
    const out = join(folder, 'served')
    const flags = ['--logs', LOG, '--judge-model', NANO, '--users', '3', '--out', out]
    try {
      await evaluate(...flags, '--conditions', 'zero-shot', '--server', address(server), '--server-model', 'large')
    } finally {
      server.close()
    }
    expect(result(out).tables[0].rows.map(({ condition }) => condition)).toEqual(['server'])
  })

  it('leaves out whom a server gives no profile, and asks for them again', async () => {
    let answers = 0
    let filtering = true
    const server = await listen(() => {
      if (filtering && ++answers === 2) return { error: { code: 'content_filter', message: 'the prompt was filtered' } }
      return { choices: [{ message: { content: 'Likes tea.' }, finish_reason: 'stop' }] }
    })
    const out = join(folder, 'filtered')
    const flags = ['--run', run, '--users', '6', '--conditions', 'none,history', '--out', out]
    const asked = () => evaluate(...flags, '--server', address(server), '--server-model', 'large')
    try {
      await asked()
      const [table] = result(out).tables
      expect(table.rows.map(({ condition, n }) => [condition, n])).toEqual([
        ['none', 5],
        ['history', 5],
        ['server', 5],
      ])
      expect(table.notes.join('\n')).toMatch(
        /gave no profile of 1 of 6 users \(.*the prompt was filtered\)\.\)\. They are left out of all conditions/,
      )
      expect(captured.stderr).toContain('gave no profile of 1 of 6 users')
      expect(userLines(out)).toHaveLength(5)
      filtering = false
      await asked()
      expect(result(out).tables[0].rows.every(({ n }) => n === 6)).toBe(true)
      expect(userLines(out)).toHaveLength(6)
    } finally {
      server.close()
    }
  })

  it('ends at Ctrl-C with what is done kept', async () => {
    const out = join(folder, 'stopped')
    const flags = ['--run', run, '--pool-sizes', '12', '--conditions', 'none,history', '--out', out]
    vi.mocked(process.stderr.write).mockImplementation((text) => {
      if (String(text).startsWith('judging: ') && !String(text).startsWith('judging: 0/')) process.emit('SIGINT')
      return true
    })
    // The histories of 14 users give more than the 128 pairs of one call.
    const listeners = process.listenerCount('SIGINT')
    await expect(evaluate(...flags)).rejects.toThrow('cancelled')
    expect(process.listenerCount('SIGINT')).toBe(listeners)
    expect(existsSync(join(out, 'result.json'))).toBe(false)
    const kept = readFileSync(join(out, 'scores.jsonl'), 'utf8')
    captured.start()
    await evaluate(...flags)
    expect(readFileSync(join(out, 'scores.jsonl'), 'utf8').startsWith(kept)).toBe(true)
    expect(captured.stderr).toMatch(/128 of them judged before/)
  })
})

describe('bump evaluate profiles refuses', () => {
  const mistakes: [what: string, flags: () => string[], message: RegExp][] = [
    ['nobody to evaluate', () => ['--model', NANO], /compared on users: name a run .* or interaction logs/],
    ['no judge', () => ['--logs', LOG], /there is no judge: name the judge model/],
    [
      'users of the training',
      () => ['--run', run, '--logs', LOG],
      /146 of the 160 users .* were in the training of .*example/,
    ],
    [
      'too large a pool',
      () => ['--run', run, '--pool-sizes', '8,32'],
      /a pool of 32 other users .* largest possible is 12/,
    ],
    [
      'a listwise pool without letters',
      () => ['--model', NANO, '--logs', LOG, '--scorer', 'listwise', '--pool-sizes', '32'],
      /a listwise judge ranks at most 26 candidates, so the largest possible pool size is 25/,
    ],
    [
      'a decoder of a scorer that has none',
      () => ['--run', run, '--decoder', 'first-token'],
      /a decoder belongs to the listwise scorer/,
    ],
    [
      'a checkpoint that is not there',
      () => ['--run', run, '--checkpoint', 'step-7'],
      /no checkpoint step-7: it has step-/,
    ],
    ['a checkpoint of no run', () => ['--model', NANO, '--logs', LOG, '--checkpoint', 'step-1'], /belongs to a run/],
    ['half a server', () => ['--run', run, '--server', 'http://localhost:1'], /--server needs --server-model/],
    [
      'an address that is none, before any profile is written',
      () => ['--run', run, '--server', 'localhost', '--server-model', 'large'],
      /"localhost" is not the address of a server/,
    ],
    [
      'zero-shot profiles by nobody',
      () => ['--logs', LOG, '--judge-model', NANO, '--conditions', 'zero-shot'],
      /name a run, a model or a server/,
    ],
    ['trained profiles of no run', () => ['--model', NANO, '--logs', LOG, '--conditions', 'run'], /name a run/],
    ['a judge twice', () => ['--run', run, '--judge', 'pointwise', '--judge', 'pointwise'], /none twice/],
    ['an encoder that is not named', () => ['--run', run, '--judge', 'embedding'], /judges: .*needs an encoder/],
    [
      'judges and a scorer',
      () => ['--run', run, '--judge', 'pointwise', '--scorer', 'likelihood'],
      /leave out judgeModel, servedJudge, scorer and decoder/,
    ],
    ['a folder that is no run', () => ['--run', folder], /is no run folder/],
    [
      'profiles of another data set',
      () => {
        const file = join(folder, 'foreign.jsonl')
        writeFileSync(file, '{"user":"stranger","profile":"x"}\n')
        return ['--run', run, '--profiles', file]
      },
      /foreign\.jsonl has no profile for 14 of the 14 users to evaluate, so it was written for another data set: person-/,
    ],
  ]
  it.each(mistakes)('%s', async (_, flags, message) => {
    const before = readdirSync(folder)
    const error = await evaluate(...flags(), '--out', join(folder, 'never')).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(BumpError)
    expect((error as BumpError).message).toMatch(message)
    expect(readdirSync(folder).filter((name) => name === 'never')).toEqual([])
    expect(before).not.toContain('never')
  })

  it.each([
    ['--conditions', 'none,all', /No condition "all". Conditions are none, generic/],
    ['--pool-sizes', '8,x', /whole number above 0/],
    ['--judge', 'pairwise=x', /No scorer "pairwise". Scorers are likelihood/],
    ['--scorer', 'pairwise', /Allowed choices are likelihood/],
  ])('%s %s', async (flag, value, message) => {
    await expect(evaluate('--run', run, flag, value)).rejects.toThrow(message)
  })
})

/** A server that answers every chat completion. */
async function listen(answer: (body: unknown) => unknown): Promise<Server> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answer(JSON.parse(body))))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const address = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
