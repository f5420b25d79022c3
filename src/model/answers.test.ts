// Answers are asked for once, kept at once, and come back in order.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BumpError, CancelledError } from '../util/errors.ts'
import { AnswerCache, type AnswerProgress, type Ask, cachedAnswers } from './answers.ts'
import type { ChatMessage } from './contract.ts'
import { closeServers, json, say, serving } from './openai/testing/fake-server.ts'
import { countingModel } from './testing/counting-model.ts'

let folder: string
let file: string
let files = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-answers-'))
})
afterAll(() => {
  closeServers()
  rmSync(folder, { recursive: true, force: true })
})
const newFile = () => {
  file = join(folder, `${++files}.jsonl`)
  return file
}

const GREEDY: Ask = { type: 'generate', maxTokens: 8 }
const prompt = (content: string): ChatMessage[] => [{ role: 'user', content }]
const many = Array.from({ length: 70 }, (_, i) => prompt(`a b word${'x'.repeat((i * 7) % 50)}n${i}`))
const expected = many.map(([{ content }]) => content.slice(4))

describe('cached answers', () => {
  it('come in order, the longest prompts being asked first', async () => {
    const model = countingModel()
    expect((await cachedAnswers(model, many, GREEDY, new AnswerCache(newFile()))).answers).toEqual(expected)
    const asked = model.calls.flat()
    expect(asked).toEqual([...asked].sort((a, b) => b - a))
    expect(model.calls.length).toBeGreaterThan(1)
  })

  it('are not asked for again, by another process either', async () => {
    await cachedAnswers(countingModel(), many, GREEDY, new AnswerCache(newFile()))
    const again = countingModel()
    const progress: AnswerProgress[] = []
    const onProgress = (done: AnswerProgress) => progress.push(done)
    const cache = new AnswerCache(file)
    expect((await cachedAnswers(again, many, GREEDY, cache, { onProgress })).answers).toEqual(expected)
    expect(again.calls).toEqual([])
    expect(progress.map(({ prompts }) => prompts)).toEqual([70])
  })

  it('are of one model, prompt and way of asking', async () => {
    const cache = new AnswerCache(newFile())
    const ask = async (model: ReturnType<typeof countingModel>, how: Ask, text = 'one 2') => {
      await cachedAnswers(model, [prompt(text)], how, cache)
      return model.calls.length
    }
    const choose: Ask = { type: 'choose', labels: ['1', '2'] }
    expect(await ask(countingModel(), GREEDY)).toBe(1)
    expect(await ask(countingModel(), GREEDY)).toBe(0)
    expect(await ask(countingModel(), { ...GREEDY, maxTokens: 9 })).toBe(1)
    expect(await ask(countingModel({ identity: 'other' }), GREEDY)).toBe(1)
    expect(await ask(countingModel(), GREEDY, 'two 2')).toBe(1)
    expect(await ask(countingModel({ choose: true }), choose)).toBe(1)
    expect(await ask(countingModel({ choose: true }), { ...choose, labels: ['1', '2', '3'] })).toBe(1)
    expect(await ask(countingModel({ choose: true }), choose)).toBe(0)
  })

  it('of equal prompts are asked for once', async () => {
    const model = countingModel()
    const same = [prompt('one two'), prompt('three'), prompt('one two')]
    const progress: AnswerProgress[] = []
    const onProgress = (done: AnswerProgress) => progress.push(done)
    const { answers } = await cachedAnswers(model, same, GREEDY, new AnswerCache(newFile()), { onProgress })
    expect(answers).toEqual(['one', 'three', 'one'])
    expect(model.calls).toEqual([[7, 5]])
    expect(progress).toEqual([
      { prompts: 0, characters: 0 },
      { prompts: 3, characters: 19 },
    ])
  })

  it('of an interrupted call are asked for again, the others are kept', async () => {
    const interrupted = countingModel({ failAt: 2 })
    await expect(cachedAnswers(interrupted, many, GREEDY, new AnswerCache(newFile()))).rejects.toThrow(CancelledError)
    const [[...kept]] = interrupted.calls
    const resumed = countingModel()
    expect((await cachedAnswers(resumed, many, GREEDY, new AnswerCache(file))).answers).toEqual(expected)
    expect(resumed.calls.flat()).toHaveLength(many.length - kept.length)
  })

  it('that come one by one are kept one by one: a server that fails in a large call loses none', async () => {
    let left = 40
    const { model, requests } = await serving(
      ({ body }, response) => {
        if (left === 0) return json(response, { error: 'gone' }, 401)
        left--
        say(response, body.messages[0].content.slice(4))
      },
      { concurrency: 1 },
    )
    const progress: number[] = []
    const onProgress = (done: AnswerProgress) => progress.push(done.prompts)
    const asked = (cache: string) => cachedAnswers(model, many, GREEDY, new AnswerCache(cache), { onProgress })
    await expect(asked(newFile())).rejects.toMatchObject({ code: 'server-failed' })
    expect(progress.at(-1)).toBe(40)
    left = Number.POSITIVE_INFINITY
    expect((await asked(file)).answers).toEqual(expected)
    expect(requests).toHaveLength(many.length + 1)
  })

  it('are not asked for once the signal is aborted', async () => {
    const model = countingModel()
    const signal = AbortSignal.abort()
    const cache = new AnswerCache(newFile())
    await expect(cachedAnswers(model, many, GREEDY, cache, { signal })).rejects.toThrow(CancelledError)
    expect(model.calls).toEqual([])
  })

  it('of a choice are the likeliest label', async () => {
    const ask: Ask = { type: 'choose', labels: ['1', '2', '3'] }
    const prompts = ['ends in 3', 'ends in 1', 'ends in none'].map(prompt)
    const cache = new AnswerCache(newFile())
    const { answers } = await cachedAnswers(countingModel({ choose: true }), prompts, ask, cache)
    expect(answers).toEqual(['3', '1', '1'])
    await expect(cachedAnswers(countingModel({ identity: 'plain' }), prompts, ask, cache)).rejects.toThrow(
      expect.objectContaining({ code: 'model-unusable' }),
    )
  })
})

describe('prompts without an answer', () => {
  const tooLong = new BumpError('context-exceeded', 'too long')
  const empty = new BumpError('server-failed', 'empty')

  it('are told with the reason, the others are answered and kept; they are asked again', async () => {
    const model = countingModel({ unanswered: (text) => (text.endsWith('3') ? empty : undefined) })
    const { answers, unanswered, notes } = await cachedAnswers(model, many, GREEDY, new AnswerCache(newFile()))
    const missing = many.flatMap(([{ content }], i) => (content.endsWith('3') ? [i] : []))
    expect([...unanswered]).toEqual(missing.map((i) => [i, empty]))
    expect(answers).toEqual(expected.map((answer, i) => (missing.includes(i) ? undefined : answer)))
    expect(notes).toEqual([])
    const again = countingModel()
    const second = await cachedAnswers(again, many, GREEDY, new AnswerCache(file))
    expect(second).toEqual({ answers: expected, unanswered: new Map(), notes: [] })
    expect(again.calls.flat()).toHaveLength(missing.length)
  })

  it('end the work where nobody gets one, at once or, of too long ones, at the end', async () => {
    for (const [why, calls] of [
      [empty, 1],
      [tooLong, 5],
    ] as const) {
      const model = countingModel({ unanswered: () => why })
      await expect(cachedAnswers(model, many, GREEDY, new AnswerCache(newFile()))).rejects.toThrow(why)
      expect(model.calls).toHaveLength(calls)
    }
    // A cached answer shows that the server can: what is left over does not end the work.
    await cachedAnswers(countingModel(), many.slice(1), GREEDY, new AnswerCache(newFile()))
    const last = countingModel({ unanswered: () => empty })
    expect((await cachedAnswers(last, many, GREEDY, new AnswerCache(file))).unanswered.size).toBe(1)
  })

  it('leave what the model says of its answers, also to a later reader of the cache', async () => {
    const model = countingModel({ notes: ['It samples.'] })
    const first = await cachedAnswers(model, many, GREEDY, new AnswerCache(newFile()))
    expect(first.notes).toEqual(['It samples.'])
    expect(await cachedAnswers(countingModel(), many, GREEDY, new AnswerCache(file))).toEqual(first)
  })
})

describe('the file', () => {
  it.each(['not JSON', '{"key":"a"}', '[]', '{"key":1,"answer":"a"}'])('with a line %j is refused', (line) => {
    writeFileSync(newFile(), `{"key":"a","answer":"b"}\n${line}\n`)
    expect(() => new AnswerCache(file)).toThrow(`${file}:2 is no cached answer`)
  })
})
