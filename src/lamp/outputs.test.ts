import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPredictions, writePredictions } from './outputs.ts'
import { folderOf, splitOf } from './testing/lamp-folder.ts'

const split = splitOf(5, ['a', 'b'])
const from = (content: unknown) => readPredictions(join(folderOf({ 'p.json': content }), 'p.json'), split)

describe('predictions', () => {
  it('come back as they were written, in the shape of the benchmark', () => {
    const file = join(folderOf({}), 'out', 'p.json')
    writePredictions(file, split, ['é "x"', ' spaced '])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      task: 'LaMP_5',
      golds: [
        { id: 'q0', output: 'é "x"' },
        { id: 'q1', output: ' spaced ' },
      ],
    })
    expect(readPredictions(file, split)).toEqual(['é "x"', ' spaced '])
  })

  it('may stand in any order', () => {
    const golds = ['q1', 'q0'].map((id) => ({ id, output: `of ${id}` }))
    expect(from({ task: 'LaMP_5', golds })).toEqual(['of q0', 'of q1'])
  })

  it('are refused where ids or task differ, with the difference', () => {
    const golds = ['q0', 'x1', 'x2', 'x3', 'x4', 'x5', 'x6'].map((id) => ({ id, output: '' }))
    expect(() => from({ task: 'LaMP_5', golds })).toThrow(
      /p\.json: the predictions do not match the 2 questions: 1 missing \(q1\); 6 of no question \(x1, x2, x3, x4, x5 and 1 more\)/,
    )
    expect(() => from({ task: 'LaMP_4', golds })).toThrow('of task LaMP_4, not LaMP_5')
    expect(() => from([])).toThrow(/a file of predictions \{task, golds: \[\{id, output\}\]\} should be an object/)
    expect(() => readPredictions('/nowhere/p.json', split)).toThrow('/nowhere/p.json: ENOENT')
  })
})
