// `bump evaluate incremental` end to end, on the bundled model and log.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluateIncremental, type IncrementalOptions } from '../evaluate/incremental/evaluate.ts'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { closeServers, json, say, serving } from '../model/openai/testing/fake-server.ts'
import { countingModel } from '../model/testing/counting-model.ts'
import { trainConfigSchema } from '../train/config.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const asset = (path: string) => fileURLToPath(new URL(`../../assets/${path}`, import.meta.url))
const NANO = asset('nano')
const LOG = asset('example/log.jsonl')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-incremental-'))
})
afterAll(() => {
  closeServers()
  rmSync(folder, { recursive: true, force: true })
})

describe('bump evaluate incremental', () => {
  it('measures rewritten profiles beside those from all interactions, and writes none twice', async () => {
    const out = join(folder, 'out')
    const flags = ['--users', '3', '--pool-size', '1', '--periods', '2', '--threads', '1', '--out', out]
    captured.start()
    expect(await main(['evaluate', 'incremental', '--model', NANO, '--logs', LOG, ...flags])).toBe(0)
    const result = () => evaluationResultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))
    const [quality, cost] = result().tables
    expect(quality.rows.map(({ condition }) => condition)).toEqual([
      ...['history', 'all-1', 'all-2', 'rewritten-2', 'mismatched'],
    ])
    expect(quality.metrics.map(({ key }) => key)).toEqual(['ndcg_forward', 'ndcg_backward', 'ndcg_both'])
    expect(quality.differences.map(({ a, b }) => `${a} ${b}`)).toEqual([
      ...['all-2 all-1', 'rewritten-2 all-1', 'rewritten-2 all-2'],
    ])
    const [first, all, rewritten] = cost.rows.map(({ values }) => values)
    expect(all.prompt.mean).toBeGreaterThan(first.prompt.mean)
    expect(cost.differences[0].values.prompt.mean).toBeCloseTo(rewritten.prompt.mean - all.prompt.mean, 9)
    expect(captured.stdout).toContain('rewritten, period 2 − from all, period 2')
    expect(quality.notes.at(-1)).toMatch(/^rewritten, period 2: \d of 3 are the profile before, word for word/)

    const [file] = readdirSync(join(out, 'profiles'))
    const lines = () =>
      readFileSync(join(out, 'profiles', file), 'utf8')
        .trim()
        .split('\n').length
    expect(lines()).toBe(9)
    expect(await main(['evaluate', 'incremental', '--model', NANO, '--logs', LOG, ...flags])).toBe(0)
    expect(lines()).toBe(9)
    expect(result().tables[0].rows).toEqual(quality.rows)
    expect(result().tables[1].rows[0].values.seconds).toBeUndefined()
  })

  it('is judged by a model on a server, which is asked nothing twice, and says what that cost', async () => {
    let most = 12
    const { baseUrl, requests } = await serving(({ body }, response, number) => {
      if (number > most) return json(response, { error: 'gone' }, 503)
      const yes = { token: 'Yes', logprob: -(JSON.stringify(body).length % 7) }
      const listed = { ...yes, top_logprobs: [yes, { token: 'No', logprob: -3 }] }
      const choices = [{ message: { content: 'Yes' }, finish_reason: 'stop', logprobs: { content: [listed] } }]
      json(response, { choices, usage: { prompt_tokens: 1000, completion_tokens: 1 } })
    })
    const out = join(folder, 'out')
    const said: string[] = []
    const judged = (apiKey: string) =>
      evaluateIncremental({
        ...{ model: NANO, logs: { paths: [LOG] }, users: 3, poolSize: 1, periods: 2, out, engine: { threads: 1 } },
        ...{ scorer: 'pointwise', servedJudge: 'large' },
        judgeServer: { baseUrl, apiKey, maxRetries: 0, price: { read: 0.5, written: 2 } },
        onEvent: (event) => event.type === 'note' && said.push(event.text),
      })
    await expect(judged('first')).rejects.toMatchObject({ code: 'server-failed' })
    most = Number.POSITIVE_INFINITY
    const { tables, settings } = await judged('second')
    expect(settings.judge).toMatchObject({ model: 'large', config: { scorer: 'pointwise', server: 'large' } })
    expect(tables[0].notes).toContain('Judge: the pointwise scorer on large.')
    // Requests of the first call may still have been on their way when the second began.
    const own = requests.filter(({ headers }) => headers.authorization === 'Bearer second').length
    const sum = ((own * 1000 * 0.5 + own * 2) / 1e6).toFixed(4)
    expect(said.at(-1)).toBe(
      `large at ${baseUrl}: ${own} answers, ${(own * 1000).toLocaleString('en')} tokens read and ${own} written: ${sum} at 0.5 and 2 a million`,
    )
    const texts = requests.map(({ body }) => JSON.stringify(body.messages))
    // What was under way when the server failed is asked again, and so is what the server can do.
    expect(texts.length - new Set(texts).size).toBeLessThanOrEqual(9)
    expect((await judged('third')).tables[0]).toEqual(tables[0])
    expect(requests.filter(({ headers }) => headers.authorization === 'Bearer third')).toEqual([])
    expect(readFileSync(join(out, 'result.json'), 'utf8')).not.toContain('127.0.0.1')
  })

  it('lets a model on a server write, which is asked for no profile twice; who gets none is left out', async () => {
    let most = 5
    let unanswerable: string | undefined
    const asked: string[] = []
    const { model, requests, baseUrl } = await serving(
      ({ body }, response) => {
        const text = body.messages.at(-1)!.content
        unanswerable ??= text
        if (asked.length === most) return json(response, { error: 'gone' }, 503)
        asked.push(text)
        const content = text === unanswerable ? '' : `likes ${text.length}`
        const choices = [{ message: { content }, finish_reason: 'stop' }]
        json(response, { choices, usage: { prompt_tokens: 100, completion_tokens: 2 } })
      },
      { maxRetries: 0, concurrency: 2, price: { read: 1, written: 2 } },
    )
    const out = join(folder, 'server')
    const evaluated = () =>
      evaluateIncremental({
        ...{ server: model, judgeModel: NANO, logs: { paths: [LOG] }, users: 4, poolSize: 1, periods: 2, out },
        engine: { threads: 1 },
      })
    await expect(evaluated()).rejects.toMatchObject({ code: 'server-failed' })
    most = Number.POSITIVE_INFINITY
    const { tables, settings } = await evaluated()
    const [quality, cost] = tables
    expect(quality.rows.map(({ condition, n }) => `${condition} ${n}`)).toEqual([
      ...['history 3', 'all-1 3', 'all-2 3', 'rewritten-2 3', 'mismatched 3'],
    ])
    expect(quality.notes.at(-1)).toMatch(/gave no profile of 1 of 4 users .*left out of all conditions/)
    expect(cost.notes).toContainEqual(expect.stringContaining('Tokens are estimated'))
    expect(cost.rows[0].values.prompt.mean).toBeGreaterThan(20)
    expect(settings.generator).toEqual({ model: `m at ${baseUrl}` })
    // The rewritten prompts show the profile before.
    expect(asked.filter((text) => /What is known of one person:\nlikes \d+\n/.test(text))).toHaveLength(3)
    // But for what was under way when the server failed.
    expect(new Set(asked).size).toBe(12)
    expect(asked.length).toBeLessThanOrEqual(12 + 1 + 2)
    expect(model.spent?.()).toMatch(/1[2-5] answers, .* at 1 and 2 a million$/)
    const before = requests.length
    expect((await evaluated()).tables[0]).toEqual(quality)
    expect(requests).toHaveLength(before + 1)
  })

  it('takes that model by flags, with users, prompt and judge of a run', async () => {
    const { baseUrl, requests } = await serving((_, response) => say(response, 'likes tea'))
    const run = join(folder, 'run')
    const instruction = 'Say what this person likes.'
    const config = { name: 'run', logs: { paths: [LOG] }, model: NANO, quantize: 'none', prompt: { instruction } }
    mkdirSync(run)
    const header = { config: trainConfigSchema.parse(config), package: { name: 'bump', version: '0' }, data: {} }
    writeFileSync(join(run, 'config.json'), JSON.stringify({ ...header, model: { digest: 'of a server' } }))
    const test = ['person-112', 'person-040', 'person-101']
    writeFileSync(join(run, 'users.json'), JSON.stringify({ train: ['person-111'], validation: [], test }))
    const server = ['--server', baseUrl, '--server-model', 'adapter', '--server-price', '1,2']
    const flags = ['--pool-size', '1', '--periods', '2', '--threads', '1']
    expect(await main(['evaluate', 'incremental', '--run', run, ...server, ...flags]), captured.stderr).toBe(0)
    expect(captured.stderr).toContain(`adapter at ${baseUrl}: 9 answers`)
    for (const { body } of requests) expect(body.messages.at(-1)!.content).toContain(instruction)
    const result = JSON.parse(readFileSync(join(run, 'evaluate', 'incremental', 'result.json'), 'utf8'))
    expect(result.settings).toMatchObject({ users: 3, judge: { config: { scorer: 'likelihood' } } })
  })

  it.each<[string, Partial<IncrementalOptions>, RegExp]>([
    ['no generator', { model: undefined }, /name the generator/],
    ['two generators', { run: 'runs/x' }, /name the generator/],
    ['a model beside a server', { server: countingModel() }, /name the generator/],
    ['a server without a judge', { server: countingModel(), model: undefined }, /name the judge/],
    ['no logs', { logs: undefined }, /name the interaction logs/],
    ['one period', { periods: 1 }, /2 parts or more/],
    ['an embedding judge without an encoder', { scorer: 'embedding' }, /needs an encoder/],
    ['two judges', { judgeModel: NANO, servedJudge: 'large' }, /name one judge/],
    ['a judge on a server that is nowhere', { servedJudge: 'large' }, /give its address by judgeServer/],
    ['a server that judges nothing', { judgeServer: { baseUrl: 'http://127.0.0.1:9/v1' } }, /does nothing here/],
    ['an encoder on a server', { scorer: 'embedding', servedJudge: 'large' }, /which no server holds/],
    ['too many periods', { periods: 500 }, /at least 3 users/],
  ])('refuses %s', async (_, options, message) => {
    const refused = evaluateIncremental({ model: NANO, logs: { paths: [LOG] }, out: join(folder, 'x'), ...options })
    await expect(refused).rejects.toThrow(message)
  })
})
