import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScoreCache } from '../../judge/cache.ts'
import { toyModel } from '../../model/testing/toy-model.ts'
import { type JudgedClaim, kappa, linesToLabel, readLabels } from './labels.ts'
import { statementsOf, supportOf } from './statements.ts'

describe('statements', () => {
  it('are the sentences of a profile that say something, each once', () => {
    expect(statementsOf('Keen on tea.  Keen on tea. …\n- Likes   chess!')).toEqual(['Keen on tea.', '- Likes chess!'])
    expect(statementsOf(' ')).toEqual([])
    expect(statementsOf(`${'It is so. '.repeat(3)}A is. B is? C is! D is? E is. F is. G is. H is. I is.`)).toHaveLength(
      8,
    )
  })

  it('are asked once each, as probabilities of yes', async () => {
    const model = toyModel()
    let asked = 0
    const { labelLogits } = model
    model.labelLogits = (prompts, ...rest) => {
      asked += prompts.length
      return labelLogits(prompts, ...rest)
    }
    const store = new ScoreCache(100)
    const claims = ['Likes tea.', 'Likes chess.', 'Likes tea.'].map((statement) => ({ records: '- tea', statement }))
    const answers = await supportOf(claims, model, store)
    expect(asked).toBe(2)
    expect(answers[2]).toBe(answers[0])
    for (const answer of answers) expect(answer).toBeGreaterThan(0)
    for (const answer of answers) expect(answer).toBeLessThan(1)
    expect(await supportOf(claims, model, store)).toEqual(answers)
    expect(asked).toBe(2)
  })
})

describe('labels', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bump-labels-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const claims = (condition: string): JudgedClaim[] =>
    Array.from({ length: 20 }, (_, i) => ({
      ...{ records: '- tea\n- chess', statement: `${condition} ${i}` },
      ...{ user: 'u', condition, probability: 0.9 },
    }))
  const file = (text: string) => {
    const path = join(folder, 'labels.jsonl')
    writeFileSync(path, text)
    return path
  }

  it('are asked for thirty statements of both kinds, without whose they are, and read again', () => {
    const lines = linesToLabel(claims('own'), claims('other'), 1).trim().split('\n')
    expect(lines).toHaveLength(30)
    expect(lines.filter((line) => line.includes('"statement":"own'))).toHaveLength(15)
    expect(Object.keys(JSON.parse(lines[0]))).toEqual(['id', 'records', 'statement', 'supported'])
    const labelled = lines.map((line, i) => (i < 10 ? line.replace('null', String(i % 2 === 0)) : line)).join('\n')
    expect([...readLabels(file(labelled)).values()]).toEqual(Array.from({ length: 10 }, (_, i) => i % 2 === 0))
  })

  it('are asked for once where a statement is an own one and another user’s', () => {
    const shared = [...claims('shared'), ...claims('shared')]
    const lines = linesToLabel(shared, [...shared, ...claims('other')], 1)
      .trim()
      .split('\n')
    expect(new Set(lines.map((line) => JSON.parse(line).id)).size).toBe(30)
    expect(lines.filter((line) => line.includes('"statement":"shared'))).toHaveLength(15)
  })

  it('are read from a file with a byte order mark', () => {
    expect(readLabels(file('\uFEFF{"id":"a","supported":true}\r\n')).size).toBe(1)
  })

  it.each([
    ['nothing is labelled', '{"id":"a","supported":null}\n', /nothing in .* is labelled/],
    ['a line is none', '{"id":"a","supported":true}\n{"id":"b","supported":"yes"}\n', /labels\.jsonl:2 is no label/],
    ['a line is no JSON', 'yes\n', /:1 is no label/],
  ])('are refused where %s', (_, text, message) => {
    expect(() => readLabels(file(text))).toThrow(message)
  })

  it('are refused where there is no file', () => {
    expect(() => readLabels(join(folder, 'none'))).toThrow(/cannot be read \(ENOENT\)/)
  })

  it('agree beyond chance by kappa', () => {
    expect(
      kappa([
        [true, true],
        [false, false],
      ]),
    ).toBe(1)
    expect(
      kappa([
        [true, true],
        [true, false],
        [false, true],
        [false, false],
      ]),
    ).toBe(0)
    expect(
      kappa([
        [true, true],
        [true, true],
      ]),
    ).toBe(0)
  })
})
