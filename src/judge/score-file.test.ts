import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScoreFile } from './score-file.ts'

describe('ScoreFile', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'bump-scores-')), 'scores.jsonl')
  })
  afterEach(() => rmSync(join(path, '..'), { recursive: true, force: true }))

  it('keeps every score to the last bit', () => {
    const scores = [[0.1 + 0.2], [-1e-17, Math.fround(-3.3), 7]]
    const file = new ScoreFile(path)
    for (const [i, each] of scores.entries()) file.set(`key ${i}`, each)
    const again = new ScoreFile(path)
    for (const [i, each] of scores.entries()) expect(again.get(`key ${i}`)).toEqual(each)
    expect(again.get('other')).toBeUndefined()
  })

  it('cuts off an interrupted line and goes on', () => {
    new ScoreFile(path).set('a', [1])
    appendFileSync(path, '["b",2')
    const file = new ScoreFile(path)
    expect(file.get('b')).toBeUndefined()
    file.set('c', [3])
    expect(readFileSync(path, 'utf8')).toBe('["a",1]\n["c",3]\n')
  })

  it.each(['nonsense', '{"a":1}', '["a"]', '["a",null]', '[1,2]'])('names a damaged line: %s', (line) => {
    writeFileSync(path, `["a",1]\n${line}\n`)
    expect(() => new ScoreFile(path)).toThrow(`${path}:2 holds no scores`)
  })
})
