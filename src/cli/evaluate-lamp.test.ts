// `bump evaluate lamp` on the nano model: tables of tasks 3 and 5 with a generator and an adapter, resuming, and
// refusals.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { json as answer, closeServers, say, serving } from '../model/openai/testing/fake-server.ts'
import { lockFolder } from '../util/lock.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
const NANO = fileURLToPath(new URL('../../assets/nano', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-evaluate-lamp-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
  captured.start()
  writeSet(at('ratings'), 3, 'train')
  writeSet(at('ratings'), 3, 'dev')
  writeSet(at('papers'), 5, 'dev')
  await trainGenerator()
  await trainAdapter()
  vi.restoreAllMocks()
})
afterAll(() => {
  closeServers()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const at = (...parts: string[]) => join(folder, ...parts)
const json = (...parts: string[]) => JSON.parse(readFileSync(at(...parts), 'utf8'))

const WORDS = ['roses', 'trains', 'sailing', 'chess', 'jazz']
const RATED =
  'What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, or 5 without further explanation. review: '
const TITLED = 'Generate a title for the following abstract of a paper: '

/** Two questions for each of five users, about the word of that user. */
function writeSet(where: string, task: 3 | 5, split: 'train' | 'dev'): void {
  const asked = Array.from({ length: 2 * WORDS.length }, (_, i) => ({ i, user: i >> 1, word: WORDS[i >> 1] }))
  const questions = asked.map(({ i, user, word }) => ({
    id: `q${i}`,
    user_id: `${split}-u${user}`,
    input: task === 3 ? `${RATED}${word} number ${i} were fine` : `${TITLED}This is about ${word}, see ${i}.`,
    profile: [0, 1, 2, 3, 4].map((k) => ({
      id: `${user}-${k}`,
      ...(task === 3
        ? { text: `${word} number ${k}`, score: `${1 + ((user + k) % 5)}.0` }
        : { title: `On ${word} ${k}`, abstract: `Part ${k} of all about ${word}.` }),
      date: `201${k}`,
    })),
  }))
  const golds = asked.map(({ i, word }) => ({ id: `q${i}`, output: task === 3 ? `${1 + (i % 5)}` : `More on ${word}` }))
  mkdirSync(where, { recursive: true })
  writeFileSync(join(where, `${split}_questions.json`), JSON.stringify(questions))
  writeFileSync(join(where, `${split}_outputs.json`), JSON.stringify({ task: `LaMP_${task}`, golds }))
}

async function trainGenerator(): Promise<void> {
  const topics = ['garden', 'kitchen', 'harbour', 'stage']
  const records = Array.from({ length: 48 }, (_, i) => ({
    user: `writer-${i % 8}`,
    title: `${topics[i % 4]} at dusk, part ${i}`,
  }))
  writeFileSync(at('log.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  const small = ['rollout.users=2', 'rollout.groupSize=2', 'profile.maxTokens=8', 'reward.negatives=1']
  const users = ['split.validation=2', 'split.test=2', 'trainable.rank=2']
  const sets = [...small, ...users].flatMap((setting) => ['--set', setting])
  const source = ['--logs', at('log.jsonl'), '--text', 'title', '--model', NANO, '--threads', '1']
  expect(
    await main(['train', ...source, '--runs', folder, '--name', 'gen', '--steps', '1', ...sets]),
    captured.stderr,
  ).toBe(0)
}

async function trainAdapter(): Promise<void> {
  const source = ['--task', '3', '--data', at('ratings'), '--backbone', NANO, '--threads', '1', '--runs', folder]
  const few = ['--steps', '1', '--set', 'validation.users=1']
  expect(await main(['sft', ...source, '--condition', 'none', '--name', 'adapter', ...few]), captured.stderr).toBe(0)
}

function lamp(task: 3 | 5, out: string, ...flags: string[]): Promise<number> {
  const data = at(task === 3 ? 'ratings' : 'papers')
  const backbone = flags.includes('--server') ? [] : ['--backbone', NANO]
  const base = ['--task', String(task), '--data', data, ...backbone, '--threads', '1', '--out', at(out)]
  return main(['evaluate', 'lamp', ...base, ...flags])
}

describe('bump evaluate lamp', () => {
  it('compares all conditions and a row after SFT on ratings', async () => {
    expect(await lamp(3, 'all', '--run', at('gen'), '--sft', `none=${at('adapter')}`), captured.stderr).toBe(0)
    const result = evaluationResultSchema.parse(json('all', 'result.json'))
    expect(result).toMatchObject({
      kind: 'lamp',
      settings: { decoding: 'choice', questions: 10, users: 5, budget: 512 },
    })
    expect(result.command).toBe(
      `bump evaluate lamp --task 3 --data ${at('ratings')} --backbone ${NANO} --threads 1 --out ${at('all')} --run ${at('gen')} --sft none=${at('adapter')}`,
    )
    const [table] = result.tables
    const keys = ['none', 'recent', 'random', 'bm25', 'zero-shot', 'bump', 'bump+bm25', 'mismatched', 'none+sft']
    expect(table.rows.map(({ condition }) => condition)).toEqual(keys)
    for (const key of keys) expect(json('all', 'predictions', `${key}.json`).golds).toHaveLength(10)
    expect(table.differences.map(({ a, b }) => `${a} - ${b}`)).toContain('bump - zero-shot')
    expect(captured.stdout).toMatch(/LaMP-3: product ratings\n +n +MAE \(lower is better\) +RMSE/)
    expect(captured.stdout).toMatch(/BUMP profile − zero-shot profile +[+-]0\.\d{3} \[/)
    expect(captured.stdout).toContain('not comparable with published LaMP scores')
    expect(captured.stdout).toContain('Unparsable answers: none.')
    expect(result.settings.rows).toMatchObject({ 'none+sft': { adapter: at('adapter') } })
    const { rows } = result.settings as { rows: Record<string, { model: string }> }
    expect(rows.none.model).toBe(rows.bump.model)
    expect(rows.none.model).not.toBe(rows['none+sft'].model)
    expect(existsSync(at('all', 'questions.jsonl'))).toBe(true)
  })

  it('decodes titles greedily, goes on where it stopped and asks nothing twice', async () => {
    const flags = ['--run', at('gen'), '--conditions', 'none,bump', '--questions', '5', '--text', 'title']
    expect(await lamp(5, 'titles', ...flags), captured.stderr).toBe(0)
    const [table] = json('titles', 'result.json').tables
    expect(table.rows[0]).toMatchObject({ n: 6, label: 'no personalisation' })
    expect(table.notes.join('\n')).toMatch(/decoded greedily[\s\S]*6 of the 10 questions/)
    expect(captured.stderr).toContain('bump profiles: 3/3')
    const answers = readFileSync(at('titles', 'answers.jsonl'), 'utf8')
    expect(answers.trim().split('\n')).toHaveLength(12)
    const written = statSync(at('titles', 'answers.jsonl')).mtimeMs

    expect(await lamp(5, 'titles', ...flags)).toBe(0)
    expect(statSync(at('titles', 'answers.jsonl')).mtimeMs).toBe(written)

    writeFileSync(at('titles', 'answers.jsonl'), answers.slice(0, answers.length / 2))
    expect(await lamp(5, 'titles', ...flags)).toBe(0)
    const lines = (text: string) => text.trim().split('\n').sort()
    expect(lines(readFileSync(at('titles', 'answers.jsonl'), 'utf8'))).toEqual(lines(answers))
    expect(json('titles', 'result.json').tables[0]).toEqual(table)

    expect(await lamp(5, 'titles', ...flags, '--quantize', 'int8'), captured.stderr).toBe(0)
    expect(json('titles', 'result.json').tables[0].notes).toContain('The backbone is read in 8 bits.')
    expect(json('titles', 'result.json').settings.quantize).toBe('int8')
    // Answers in 8 bits are kept beside the exact ones.
    expect(lines(readFileSync(at('titles', 'answers.jsonl'), 'utf8'))).toHaveLength(24)
  })

  it('ends by Ctrl-C with what it has, and goes on', async () => {
    const flags = ['--conditions', 'none,recent']
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      captured.stderr += text
      if (String(text).startsWith('answers: 16/20')) process.emit('SIGINT')
      return true
    })
    expect(await lamp(5, 'cut', ...flags)).toBe(130)
    expect(captured.stderr).toMatch(
      /stopping; what is answered so far is kept, the same command goes on[\s\S]*cancelled/,
    )
    expect(existsSync(at('cut', 'result.json'))).toBe(false)
    const kept = readFileSync(at('cut', 'answers.jsonl'), 'utf8')
    expect(kept.trim().split('\n')).toHaveLength(16)
    captured.start()
    expect(await lamp(5, 'cut', ...flags), captured.stderr).toBe(0)
    expect(captured.stderr).toContain('answers: 16/20\nanswers: 20/20')
    expect(readFileSync(at('cut', 'answers.jsonl'), 'utf8').startsWith(kept)).toBe(true)
  })

  it('is answered by a model on a server, which writes the zero-shot profiles, too', async () => {
    let most = 12
    const asked: string[] = []
    const { baseUrl } = await serving(({ body }, response) => {
      const text = body.messages.at(-1)!.content
      if (asked.length === most) return answer(response, { error: 'gone' }, 401)
      asked.push(text)
      const wrote = text.startsWith('Records of one person')
      say(response, wrote ? (text.includes('chess') ? '' : 'likes tea') : 'A title')
    })
    const flags = ['--server', baseUrl, '--server-model', 'm', '--server-concurrency', '1', '--server-price', '1,2']
    expect(await lamp(5, 'served', ...flags)).toBe(1)
    most = Number.POSITIVE_INFINITY
    captured.start()
    expect(await lamp(5, 'served', ...flags), captured.stderr).toBe(0)
    const { tables, settings } = json('served', 'result.json')
    const conditions = ['none', 'recent', 'random', 'bm25', 'zero-shot']
    expect(tables[0].rows.map(({ condition }: { condition: string }) => condition)).toEqual(conditions)
    expect(settings.profiles).toEqual({ 'zero-shot': { model: `m at ${baseUrl}` } })
    expect(tables[0].notes.join('\n')).toMatch(/gave no profile of 1 of 5 users \(dev-u3: .*\. Theirs is empty/)
    expect(captured.stderr).toContain('zero-shot profiles: 5/5')
    const titled = asked.filter((text) => text.startsWith('Profile of the user: likes tea\n\nGenerate a title'))
    expect(titled).toHaveLength(8)
    const wrote = asked.filter((text) => text.startsWith('Records'))
    // Who got none is asked for again, and nobody else is.
    expect(wrote).toHaveLength(5 + 1)
    expect(new Set(wrote).size).toBe(5)
    const count = asked.length
    expect(await lamp(5, 'served', ...flags), captured.stderr).toBe(0)
    expect(asked).toHaveLength(count + 1)
  })

  it('takes profiles of a file, and says what is not known of them', async () => {
    const users = [0, 1, 2, 3, 4].map((u) => JSON.stringify({ user: `dev-u${u}`, profile: `likes ${u}` }))
    writeFileSync(at('profiles.jsonl'), users.join('\n'))
    expect(
      await lamp(3, 'file', '--profiles', at('profiles.jsonl'), '--conditions', 'bump,none'),
      captured.stderr,
    ).toBe(0)
    expect(captured.stdout).toMatch(/BUMP profiles are those of .*profiles\.jsonl: whether .* is not known/)
    expect(json('file', 'result.json').settings.profiles.bump.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(captured.stdout).not.toContain('may hold answers')

    // What only a later question lists may be the answer of an earlier one, and a file may know it.
    writeSet(at('growing'), 3, 'dev')
    const questions = json('growing', 'dev_questions.json')
    questions[1].profile.push({ id: 'new', text: 'roses number 0 were fine', score: '1', date: '2019' })
    writeFileSync(at('growing', 'dev_questions.json'), JSON.stringify(questions))
    const flags = [
      '--data',
      at('growing'),
      '--profiles',
      at('profiles.jsonl'),
      '--conditions',
      'bump',
      '--questions',
      '9',
    ]
    expect(await lamp(3, 'growing-file', ...flags), captured.stderr).toBe(0)
    expect(captured.stdout).toMatch(/1 users have questions with further items .* may hold answers/)
  })

  it('writes predictions where the golds are withheld', async () => {
    mkdirSync(at('withheld'))
    writeFileSync(at('withheld', 'test_questions.json'), readFileSync(at('papers', 'dev_questions.json')))
    const flags = ['--data', at('withheld'), '--split', 'test', '--conditions', 'none', '--questions', '2']
    expect(await lamp(5, 'test', ...flags), captured.stderr).toBe(0)
    expect(captured.stdout).toContain('golds of this split are withheld')
    expect(json('test', 'predictions', 'none.json')).toMatchObject({ task: 'LaMP_5', golds: [{}, {}] })
  })

  it('notes what an adapter was trained for otherwise', async () => {
    expect(await lamp(5, 'other', '--conditions', 'none', '--sft', `bm25=${at('adapter')}`, '--questions', '2')).toBe(0)
    expect(captured.stdout).toMatch(/bm25 after SFT: .*adapter was trained on task 3, under the condition none\./)
  })
})

describe('a user of the training', () => {
  it('is refused by id, or permitted with a note', async () => {
    const users = json('gen', 'users.json')
    writeFileSync(at('gen', 'users.json'), JSON.stringify({ ...users, train: [...users.train, 'dev-u2'] }))
    const flags = ['--run', at('gen'), '--conditions', 'none,bump']
    expect(await lamp(3, 'seen', ...flags)).toBe(1)
    expect(captured.stderr).toMatch(/1 of the users to evaluate were in the training of .*gen: dev-u2\. .*seenUsers/)
    expect(existsSync(at('seen'))).toBe(false)
    expect(await lamp(3, 'seen', ...flags, '--seen-users'), captured.stderr).toBe(0)
    expect(captured.stdout).toContain('Seen users: 1 of these users were in the training of')
    writeFileSync(at('gen', 'users.json'), JSON.stringify(users))
  })
})

describe('mistakes', () => {
  it.each<[string, string[], number, RegExp]>([
    ['an unknown task', ['--task', '8'], 2, /Tasks are 1, 2, 3/],
    ['an unknown condition', ['--conditions', 'none,magic'], 2, /No condition "magic"\. Conditions are none, recent/],
    ['an adapter without a condition', ['--sft', 'runs/x'], 2, /condition=folder/],
    ['two adapters for one condition', ['--sft', 'none=a', '--sft', 'none=b'], 2, /none has an adapter already/],
    ['bump without a generator', ['--conditions', 'bump'], 2, /\(run\).*\(profiles\)/],
    [
      'an adapter on a server',
      ['--server', 'http://127.0.0.1:9/v1', '--server-model', 'm', '--sft', 'none=a'],
      2,
      /\(sft\) need a backbone on this machine/,
    ],
    ['a field that items do not have', ['--text', 'title', '--conditions', 'zero-shot'], 2, /an item without "title"/],
    ['a field that nothing reads', ['--text', 'text', '--conditions', 'none'], 2, /no row shows a profile/],
    ['a budget beyond the context', ['--budget', '5000', '--conditions', 'none'], 2, /budget 5000: .* 1024 tokens/],
    ['neither a backbone nor a server', ['--server', 'x'], 2, /--server needs --server-model/],
    ['a folder that is not there', ['--data', 'nowhere'], 1, /nowhere: no such folder/],
    ['a run that is none', ['--run', 'nowhere'], 1, /nowhere is no run folder/],
  ])('%s', async (_, flags, code, message) => {
    expect(await lamp(3, 'wrong', ...flags)).toBe(code)
    expect(captured.stderr).toMatch(message)
    expect(captured.stderr).not.toMatch(/^ +at /m)
  })

  it('profiles from another dataset', async () => {
    writeFileSync(at('strangers.jsonl'), '{"user":"dev-u1","profile":"x"}\n{"user":"someone","profile":"y"}\n')
    expect(await lamp(3, 'wrong', '--profiles', at('strangers.jsonl'), '--conditions', 'bump')).toBe(1)
    expect(captured.stderr).toMatch(/no profile for 4 of the 5 users of .*dev-u0, dev-u2, dev-u3, dev-u4/)
  })

  it('a folder without an adapter, before anything is answered', async () => {
    const flags = ['--conditions', 'none', '--sft', `none=${at('ratings')}`]
    expect(await lamp(3, 'no-adapter', ...flags)).toBe(1)
    expect(captured.stderr).toMatch(/ratings is neither a run folder of bump sft .* nor a PEFT adapter/)
    expect(existsSync(at('no-adapter'))).toBe(false)
  })

  it('a folder of results that another command is writing', async () => {
    const release = lockFolder(at('busy'), 'folder')
    expect(await lamp(3, 'busy', '--conditions', 'none')).toBe(1)
    expect(captured.stderr).toMatch(/busy is in use by process \d+\./)
    release()
    expect(await lamp(3, 'busy', '--conditions', 'none'), captured.stderr).toBe(0)
  })

  it('a web page in the place of questions', async () => {
    mkdirSync(at('page'))
    writeFileSync(at('page', 'dev_questions.json'), '<!DOCTYPE html><html><body>Not found</body></html>')
    expect(await lamp(3, 'wrong', '--data', at('page'), '--conditions', 'none')).toBe(1)
    expect(captured.stderr).toMatch(/dev_questions\.json.*HTML/)
  })
})
