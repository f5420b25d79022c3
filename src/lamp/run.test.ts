// Rows answered by a counting backbone: who is opened and asked, what is written, and what the table compares.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { AnswerCache } from '../model/answers.ts'
import { type CountingModel, countingModel } from '../model/testing/counting-model.ts'
import { BumpError } from '../util/errors.ts'
import { type AnswerRowsOptions, answerRows, writeLampResult } from './run.ts'
import { type LampRow, lampRows } from './table.ts'
import { splitOf } from './testing/lamp-folder.ts'
import type { LampSplit } from './types.ts'

let folder: string
let folders = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-lamp-run-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const newFolder = () => join(folder, String(++folders))

/** Six ratings of three users; the input ends with the gold for the first four. */
function ratings(): LampSplit {
  const golds = ['1', '2', '3', '4', '5', '5']
  const split = splitOf(3, golds, ['a', 'a', 'b', 'b', 'c', 'c'])
  const questions = split.questions.map((question, q) => ({
    ...question,
    input: `review: fine, so ${q < 4 ? golds[q] : '1'}`,
    items: [0, 1, 2].map((i) => ({ id: `${q}${i}`, fields: { text: `item${i}`, score: '4.0' } })),
  }))
  return { ...split, questions }
}

const profiles = new Map(['a', 'b', 'c'].map((user) => [user, `likes ${user}`]))
const ROWS = lampRows(['none', 'recent', 'bump'], [{ condition: 'none', adapter: 'sft-a' }])

type Behaviour = Pick<NonNullable<Parameters<typeof countingModel>[0]>, 'unanswered' | 'notes'>

function bench(out: string, over: Partial<AnswerRowsOptions> & Behaviour & { choose?: boolean } = {}) {
  const { choose = true, unanswered, notes, ...rest } = over
  const opened: { adapter: string | undefined; model: CountingModel; closed: boolean }[] = []
  const options: AnswerRowsOptions = {
    split: ratings(),
    rows: ROWS,
    bump: profiles,
    items: 2,
    seed: 1,
    freeAnswers: false,
    cache: new AnswerCache(join(out, 'answers.jsonl')),
    async open(adapter) {
      expect(opened.every(({ closed }) => closed)).toBe(true)
      const model = countingModel({ identity: adapter ?? 'base', choose, unanswered, notes })
      const record = { adapter, model, closed: false }
      opened.push(record)
      return {
        model: record.model,
        async close() {
          record.closed = true
        },
      }
    },
    ...rest,
  }
  return { opened, options, asked: () => opened.flatMap(({ model }) => model.calls.flat()).length }
}

const record = { command: 'bump evaluate lamp', seconds: 1, notes: ['a note'], seed: 1, settings: { more: 1 } }

describe('rows', () => {
  it('are answered by the backbone, then by each adapter, one open at a time', async () => {
    const { opened, options, asked } = bench(newFolder())
    const shares: number[] = []
    options.onProgress = (done, total, share) => {
      shares.push(share)
      expect(total).toBe(24)
      expect(done).toBeLessThanOrEqual(24)
    }
    const { rows, decoding, budget } = await answerRows(options)
    expect(opened.map(({ adapter, closed }) => [adapter, closed])).toEqual([
      [undefined, true],
      ['sft-a', true],
    ])
    expect(decoding).toBe('choice')
    expect(budget).toBe(512)
    expect(rows.map(({ key, model }) => [key, model])).toEqual([
      ['none', 'base'],
      ['recent', 'base'],
      ['bump', 'base'],
      ['none+sft', 'sft-a'],
    ])
    for (const { predictions } of rows) expect(predictions).toEqual(['1', '2', '3', '4', '1', '1'])
    // Three inputs are alike, two of them of one user: 4 + 4 + 5 prompts, and 4 more after SFT.
    expect(asked()).toBe(17)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })

  it('make no call the second time, and go on where they stopped', async () => {
    const out = newFolder()
    const first = bench(out, { rows: ROWS.slice(0, 2) })
    await answerRows(first.options)
    const more = bench(out)
    const all = await answerRows(more.options)
    expect(more.asked()).toBe(9)
    const again = bench(out)
    expect(await answerRows(again.options)).toEqual(all)
    expect(again.asked()).toBe(0)
  })

  it('are free text where the backbone has no probabilities or it is asked for', async () => {
    for (const over of [{ choose: false }, { freeAnswers: true }]) {
      const { decoding, rows } = await answerRows(bench(newFolder(), over).options)
      expect(decoding).toBe('greedy')
      expect(rows[0].predictions[0]).toBe('review')
    }
  })

  it('close the backbone when they fail', async () => {
    const { options, opened } = bench(newFolder(), { bump: undefined })
    await expect(answerRows(options)).rejects.toThrow("condition 'bump' needs a profile of every user")
    expect(opened.map(({ closed }) => closed)).toEqual([true])
  })

  it('need a budget that the context holds', async () => {
    const { options } = bench(newFolder(), { budget: 4000 })
    await expect(answerRows(options)).rejects.toThrow(/budget 4000: .* 2048 tokens/)
    await expect(answerRows({ ...options, budget: 1976 })).resolves.toMatchObject({ budget: 1976 })
  })
})

describe('the result', () => {
  const written = async (
    split: LampSplit,
    rows: readonly LampRow[] = ROWS,
    over: Parameters<typeof bench>[1] = {},
    out = newFolder(),
  ) => {
    const answered = await answerRows(bench(out, { split, rows, ...over }).options)
    const result = writeLampResult(out, split, answered, record)
    const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'))
    expect(evaluationResultSchema.parse(json('result.json'))).toEqual(result)
    return { out, json, table: result.tables[0], settings: result.settings }
  }

  it('is scored, with the differences that matter', async () => {
    const { json, out, table, settings } = await written(ratings())
    expect(table.title).toBe('LaMP-3: product ratings')
    expect(table.rows.map(({ condition, n }) => [condition, n])).toEqual([
      ['none', 6],
      ['recent', 6],
      ['bump', 6],
      ['none+sft', 6],
    ])
    expect(table.rows[0].values.mae.mean).toBeCloseTo(8 / 6)
    expect(table.differences.map(({ a, b }) => `${a} - ${b}`)).toEqual([
      'recent - none',
      'bump - none',
      'bump - recent',
      'none+sft - none',
    ])
    expect(table.differences[0].values.mae).toEqual({ mean: 0, low: 0, high: 0 })
    expect(table.notes.join('\n')).toMatch(/6 questions of 3 users.*bootstrap over users[\s\S]*constrained choice/)
    expect(table.notes).toContain('Unparsable answers: none.')
    expect(table.notes.at(-1)).toBe('a note')
    expect(settings).toMatchObject({ questions: 6, users: 3, items: 2, more: 1, unparsable: { none: 0 } })
    expect(json(join('predictions', 'none+sft.json'))).toMatchObject({
      task: 'LaMP_3',
      golds: [{ id: 'q0', output: '1' }, {}, {}, {}, {}, {}],
    })
    const lines = readFileSync(join(out, 'questions.jsonl'), 'utf8').trim().split('\n')
    expect(lines).toHaveLength(6)
    expect(JSON.parse(lines[4])).toMatchObject({
      id: 'q4',
      user: 'c',
      gold: '5',
      answers: { none: '1', 'none+sft': '1' },
      scores: { none: { mae: 4 }, bump: { mae: 4 } },
    })
  })

  it('leaves no answers of an earlier result beside it', async () => {
    const { out } = await written(ratings())
    await written(ratings(), ROWS.slice(0, 1), {}, out)
    expect(readdirSync(join(out, 'predictions'))).toEqual(['none.json'])
  })

  it('compares BUMP with everything it must beat, before and after SFT', async () => {
    const conditions = ['none', 'recent', 'bm25', 'bump', 'mismatched'] as const
    const rows = lampRows(conditions, [
      { condition: 'none', adapter: 'x' },
      { condition: 'bump', adapter: 'y' },
    ])
    const { differences } = (await written(ratings(), rows)).table
    const of = (key: string) => differences.filter(({ a }) => a === key).map(({ b }) => b)
    expect(of('bump')).toEqual(['none', 'recent', 'bm25', 'mismatched'])
    expect(of('bump+sft')).toEqual(['none+sft', 'bump'])
    expect(of('mismatched')).toEqual(['none'])
  })

  it('says of rebuilt sets that they do not compare with the benchmark', async () => {
    const { table } = await written({ ...ratings(), rebuilt: true })
    expect(table.notes[0]).toBe(
      "Rebuilt in LaMP's shape from other sources: not comparable with published LaMP scores.",
    )
    expect((await written(ratings())).table.notes.join()).not.toContain('Rebuilt')
  })

  it('tells the share of answers that are no label', async () => {
    const { table, settings } = await written(ratings(), ROWS.slice(0, 1), { choose: false })
    expect(table.notes).toContain('Unparsable answers: no personalisation 100.0 %.')
    expect(settings.unparsable).toEqual({ none: 1 })
  })

  it('tells how many questions lose their end to the budget', async () => {
    const notes = async (options: { budget?: number }) =>
      (await written(ratings(), ROWS.slice(0, 1), options)).table.notes.join('\n')
    expect(await notes({})).not.toContain('lose their end')
    expect(await notes({ budget: 3 })).toMatch(/lose their end .* 3 tokens, of 6: no personalisation 6\./)
  })

  it('tells how many golds have no word that ROUGE counts', async () => {
    const notesOf = async (golds: string[]) =>
      (await written(splitOf(4, golds), ROWS.slice(0, 1), { choose: false })).table.notes.join('\n')
    expect(await notesOf(['学习笔记', 'Заметки', 'notes of 学习', '!'])).toContain(
      '3 of 4 golds have no word of a-z and 0-9',
    )
    expect(await notesOf(['notes', '2024'])).not.toContain('ROUGE')
    expect((await written(ratings(), ROWS.slice(0, 1))).table.notes.join('\n')).not.toContain('ROUGE')
  })

  it('names the questions without an answer, and scores them in no row', async () => {
    const why = new BumpError('server-failed', 'the prompt was filtered')
    // Its profile is shown for the users' two questions in the row of bump alone.
    const over = { choose: false, unanswered: (text: string) => (text.includes('likes b') ? why : undefined) }
    const rows = ROWS.slice(0, 3)
    const { out, json, table, settings } = await written(ratings(), rows, over)
    expect(table.rows.map(({ condition, n }) => [condition, n])).toEqual([
      ['none', 4],
      ['recent', 4],
      ['bump', 4],
    ])
    expect(table.notes.join('\n')).toContain('4 questions of 2 users')
    expect(table.notes).toContain(
      'Without an answer: bump 2 (q2, q3: the prompt was filtered). 2 of 6 questions are therefore scored in no row; the same command asks them again.',
    )
    expect(settings).toMatchObject({
      questions: 6,
      unanswered: { bump: { q2: 'the prompt was filtered', q3: 'the prompt was filtered' } },
    })
    const idsOf = (row: string) => json(join('predictions', `${row}.json`)).golds.map(({ id }: { id: string }) => id)
    expect(idsOf('bump')).toEqual(['q0', 'q1', 'q4', 'q5'])
    expect(idsOf('none')).toHaveLength(6)
    const lines = readFileSync(join(out, 'questions.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[2].answers).toEqual({ none: 'review', recent: expect.any(String) })
    expect(lines[2]).not.toHaveProperty('scores')
    expect(lines[4].scores).toHaveProperty('bump')
    // The values are those of the four alone.
    const { golds, questions } = ratings()
    const others = {
      ...ratings(),
      questions: questions.filter((_, q) => q !== 2 && q !== 3),
      golds: golds!.filter((_, q) => q !== 2 && q !== 3),
    }
    expect(table.rows.map(({ values }) => values)).toEqual(
      (await written(others, rows, { choose: false })).table.rows.map(({ values }) => values),
    )
  })

  it('cannot be where no question is answered in all rows', async () => {
    const why = new BumpError('server-failed', 'the prompt was filtered')
    const unanswered = (text: string) => (text.includes('likes') ? why : undefined)
    const rows = ROWS.slice(0, 3)
    await expect(written(ratings(), rows, { choose: false, unanswered })).rejects.toThrow(
      /no question is answered in all rows.*bump 6 \(q0, q1, q2, q3, q4 and 1 more: the prompt was filtered\)/,
    )
  })

  it('says what the backbone said of its answers', async () => {
    const { table } = await written(ratings(), ROWS.slice(0, 1), { choose: false, notes: ['It samples.'] })
    expect(table.notes).toContain('Answers are free text.')
    expect(table.notes).toContain('It samples.')
  })

  it('has predictions but no scores where the golds are withheld', async () => {
    const { out, table } = await written({ ...ratings(), golds: undefined })
    expect(table.metrics).toEqual([])
    expect(table.differences).toEqual([])
    expect(table.rows.map(({ values }) => values)).toEqual([{}, {}, {}, {}])
    expect(table.notes[0]).toMatch(/golds of this split are withheld.*predictions are written.*nothing is scored/)
    expect(existsSync(join(out, 'predictions', 'none.json'))).toBe(true)
    expect(JSON.parse(readFileSync(join(out, 'questions.jsonl'), 'utf8').split('\n')[0])).not.toHaveProperty('scores')
  })
})

it('a missing profile is an error that a user can act on', async () => {
  const some = new Map([['a', 'likes a']])
  await expect(answerRows(bench(newFolder(), { bump: some }).options)).rejects.toThrow(BumpError)
})
