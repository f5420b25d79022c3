import { describe, expect, it } from 'vitest'
import { judgeConfigSchema } from '../../judge/config.ts'
import { trainConfigSchema } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { judgeNotes, judgeRecord } from './judges.ts'

const run = (more: object = {}): TrainedRun => {
  const config = trainConfigSchema.parse({ name: 'x', logs: { paths: ['a'] }, model: 'base', ...more })
  const model = { name: 'base', digest: 'base-digest' }
  const header = { config, package: { name: 'bump', version: '0' }, model, judge: { ...model }, data: {} }
  return { folder: 'runs/x', name: 'x', header, config }
}
const info = (name: string) => ({
  name,
  digest: `${name}-digest`,
  contextLength: 1,
  parameters: 1,
  trainableParameters: 0,
})
const note = (name: string, scorer: string, of = run()) =>
  judgeNotes(judgeRecord(info(name), judgeConfigSchema.parse({ scorer })), [of]).join('\n')

describe('judgeNotes', () => {
  it('says whether the judge is that of the training', () => {
    expect(note('base', 'likelihood')).toMatch(/the same that runs\/x was trained with/)
    expect(note('base', 'pointwise')).toMatch(/another judge, the likelihood scorer on base \(the same model with/)
    expect(note('big', 'likelihood')).toMatch(/another judge, the likelihood scorer on base \(another model\)/)
    expect(note('big', 'listwise')).toMatch(/the listwise \(permutation, 2 orders\) scorer on big.*model and scorer/)
  })

  it('says once what holds for several runs', () => {
    const runs = ['a', 'b', 'c'].map((name) => ({ ...run(), folder: `runs/${name}` }))
    runs[2].header.judge = { ...runs[2].header.judge, digest: 'other-digest' }
    const notes = judgeNotes(judgeRecord(info('base'), judgeConfigSchema.parse({ scorer: 'likelihood' })), runs)
    expect(notes).toHaveLength(2)
    expect(notes[0]).toContain('the same that runs/a, runs/b were trained with.')
    expect(notes[1]).toContain('runs/c was trained with another judge')
  })

  it("knows runs with a judge of one's own", () => {
    const own = run()
    own.header.judge = { scorer: 'custom', name: 'shared words' }
    expect(note('base', 'likelihood', own)).toMatch(/was trained with the judge shared words/)
  })

  it('knows runs with several judges', () => {
    const judges = [{ scorer: 'likelihood' }, { scorer: 'embedding', model: 'bge' }]
    const of = run({ judge: { scorer: 'several', combine: 'worst', judges } })
    const digests = [
      { name: 'base', digest: 'base-digest' },
      { name: 'bge', digest: 'bge-digest' },
    ]
    of.header.judge = { scorer: 'several', combine: 'worst', judges: digests }
    expect(note('base', 'likelihood', of)).toMatch(/the worst of likelihood and embedding .*this judge among them/)
    expect(note('big', 'likelihood', of)).toMatch(
      /other judges, the worst of .*\(the likelihood scorer on base, the emb/,
    )
  })

  it('knows runs that no judge trained', () => {
    const own = run({ reward: { type: 'custom', name: 'labels', options: {} } })
    expect(note('base', 'likelihood', own)).toMatch(/trained by the reward labels, without a judge/)
    expect(judgeNotes(judgeRecord(info('big'), judgeConfigSchema.parse(undefined)), [])).toHaveLength(1)
  })
})
