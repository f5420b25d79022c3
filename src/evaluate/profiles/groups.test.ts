import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { trainConfigSchema } from '../../train/config.ts'
import type { TrainedRun } from '../../train/trained-run.ts'
import { seedFrom } from '../../util/random.ts'
import { pairedDifference } from '../../util/stats.ts'
import type { EvaluationResult } from '../result.ts'
import { groupsBySeed, namedGroups } from './groups.ts'
import type { PoolSizeScores, UserScores } from './judging.ts'
import { regroupProfiles } from './regroup.ts'
import { profileTable, shownTable } from './table.ts'
import { userRecords, writeProfileResult } from './write.ts'

const folder = mkdtempSync(join(tmpdir(), 'bump-groups-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (name: string, seed: number, steps = 4, data = 'd'): TrainedRun => ({
  folder: `runs/${name}`,
  name,
  header: { data: { digest: data }, model: { digest: 'm' } } as unknown as TrainedRun['header'],
  config: trainConfigSchema.parse({ name, seed, logs: { paths: ['-'] }, model: 'm', optim: { steps } }),
})

const keys = ['zero-shot', 'run', 'run2', 'run@step-2']
const conditions = keys.map((key) => ({ key, label: `the ${key}`, profiles: ['a', 'b', 'c'] }))
const score = (ndcg: number) => ({ ndcg, mrr: ndcg, recall1: ndcg, gain: 2 * ndcg - 1 })
const user = (ndcg: number): UserScores => ({ forward: score(ndcg), backward: score(ndcg / 2) })
/** [condition][user] */
const FORWARD = [
  [0.2, 0.4, 0.6],
  [0.4, 0.2, 0.8],
  [0.6, 0.8, 0.8],
  [0.2, 0.2, 0.2],
]
const sized = (negatives: number, scale: number): PoolSizeScores => ({
  negatives,
  chance: user(0.5),
  scores: FORWARD.map((users) => users.map((ndcg) => user(ndcg * scale))),
})

const ONE = [{ judge: 'likelihood', sizes: [sized(4, 1)] }]
const TWO = [
  { judge: 'likelihood', sizes: [sized(4, 1), sized(8, 0.9)] },
  { judge: 'embedding', sizes: [sized(4, 0.8), sized(8, 0.7)] },
]

/** An evaluation as compareProfiles writes it. */
function written(name: string, judged = ONE): string {
  const result: EvaluationResult = {
    kind: 'profiles',
    createdAt: '',
    command: '',
    seconds: 1,
    tables: [
      ...judged.flatMap(({ judge, sizes }) =>
        sizes.map((each) => profileTable(each, conditions, { notes: ['a note'], seed: 3, judge })),
      ),
      { title: 'What the profiles look like', notes: [], metrics: [], rows: [], differences: [] },
    ],
    settings: {
      seed: 3,
      poolSizes: judged[0].sizes.map(({ negatives }) => negatives),
      generators: {
        run: { run: 'x-1', folder: 'runs/x-1' },
        run2: { run: 'x-2', folder: 'runs/x-2' },
        'run@step-2': { run: 'x-1', folder: 'runs/x-1' },
      },
    },
  }
  const out = join(folder, name)
  const users = userRecords(
    ['a', 'b', 'c'].map((id) => ({ id, heldOut: [] })),
    conditions,
    judged,
    [1, 2, 0],
  )
  writeProfileResult(out, result, users)
  return out
}

describe('groups of runs', () => {
  it('are those that differ by their seed alone', () => {
    const runs = [run('p-1', 1), run('q-s1', 1, 8), run('p-2', 2), run('q-s2', 2, 8), run('alone', 1, 9)]
    const found = groupsBySeed(runs, ['run', 'run2', 'run3', 'run4', 'run5'])
    expect(found.map(({ label, members }) => [label, members])).toEqual([
      ['p, mean of 2 runs', ['run', 'run3']],
      ['q, mean of 2 runs', ['run2', 'run4']],
    ])
  })

  it('have names of their own where the runs begin alike, or are called the same', () => {
    const alike = [run('x1', 1), run('x2', 2), run('x3', 1, 8), run('x4', 2, 8)]
    expect(groupsBySeed(alike, ['run', 'run2', 'run3', 'run4']).map(({ key }) => key)).toEqual([
      'mean x1, x2',
      'mean x3, x4',
    ])
    const same = [run('x', 1), run('x', 2), run('x', 1, 8), run('x', 2, 8)]
    expect(groupsBySeed(same, ['run', 'run2', 'run3', 'run4']).map(({ key }) => key)).toEqual([
      'mean x (run), x (run2)',
      'mean x (run3), x (run4)',
    ])
  })

  it('are of the same people and model', () => {
    const changed = [run('x1', 1), run('x2', 2, 4, 'other logs'), run('x3', 3)]
    expect(groupsBySeed(changed, ['run', 'run2', 'run3']).map(({ members }) => members)).toEqual([['run', 'run3']])
  })

  it('are named by key, run or folder, of two runs or more', () => {
    const members = ['p', 'q', 'r'].map((name, r) => ({ key: `run${r}`, names: [name, `runs/${name}`] }))
    expect(namedGroups({ both: ['p', 'runs/r'] }, members)[0].members).toEqual(['run0', 'run2'])
    expect(() => namedGroups({ one: ['p'] }, members)).toThrow(/groups\.one: a mean is over two runs or more/)
    expect(() => namedGroups({ twice: ['p', 'run0'] }, members)).toThrow(/each named once/)
    expect(() => namedGroups({ lost: ['p', 's'] }, members)).toThrow(/there is no s\. The conditions are p \(run0\)/)
    expect(() => namedGroups({ lost: ['p', 's'] }, [])).toThrow(/no p\. No run is compared/)
    expect(() => namedGroups({ same: ['p', 'q'] }, [...members, { key: 'x', names: ['q'] }])).toThrow(/several q/)
  })
})

describe('a finished evaluation', () => {
  it('is grouped without a model, paired by user, for every judge and pool size', () => {
    const out = written('two', TWO)
    const { tables, settings } = regroupProfiles(out, { x: ['x-1', 'x-2'], y: ['run2', 'run@step-2'] })
    expect(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')).tables).toEqual(tables)
    expect(settings.groups).toEqual({ 'mean x': ['run', 'run2'], 'mean y': ['run2', 'run@step-2'] })
    expect(tables.map(({ title }) => title.slice(0, 28))).toEqual([
      'K = 4, judged by likelihood:',
      'K = 8, judged by likelihood:',
      'K = 4, judged by embedding: ',
      'K = 8, judged by embedding: ',
      'What the profiles look like',
    ])
    const options = { seed: seedFrom('bootstrap', 3) }
    // Users' means over the two runs, by hand.
    const [x, zero] = [[0.5, 0.5, 0.8], FORWARD[0]].map((values) => values.map((value) => value * 0.7))
    const found = tables[3].differences.find(({ a, b }) => a === 'mean x' && b === 'zero-shot')?.values.ndcg_forward
    const expected = pairedDifference(zero, x, options)
    for (const bound of ['mean', 'low', 'high'] as const) expect(found?.[bound]).toBeCloseTo(expected[bound], 12)
    const row = tables[0].rows.find(({ condition }) => condition === 'mean x')
    // Both directions: backward is half of forward.
    expect(row?.values.ndcg_both.mean).toBeCloseTo((0.5 + 0.5 + 0.8) / 3 / (4 / 3), 12)
    const pairs = tables[0].differences.map(({ a, b }) => `${a} - ${b}`)
    expect(pairs).toContain('mean y - mean x')
    expect(pairs).not.toContain('mean x - run')
    expect(tables[0].notes.at(-1)).toMatch(/^y, mean of 2 runs: each user's mean over the run2; the run@step-2\./)
    const shown = shownTable(tables[0], Object.keys(settings.groups as object)).differences
    expect(shown.at(-1)).toMatchObject({ a: 'mean y', b: 'mean x' })
  })

  it('has its groups replaced by others, and loses nothing else', () => {
    const out = written('again')
    const before = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))
    regroupProfiles(out, { x: ['x-1', 'runs/x-2'] })
    const [table] = regroupProfiles(out, { y: ['run2', 'run@step-2'] }).tables
    expect(table.rows.map(({ condition }) => condition)).toEqual([...keys, 'mean y'])
    expect(table.notes).toHaveLength(2)
    expect(table.rows.slice(0, 4)).toEqual(before.tables[0].rows)
    expect(table.differences.slice(-6)).toEqual(before.tables[0].differences)
  })

  it('is refused where its files are not what was written', () => {
    const out = written('damaged')
    const groups = { x: ['x-1', 'x-2'] }
    const lines = readFileSync(join(out, 'users.jsonl'), 'utf8')
    writeFileSync(join(out, 'users.jsonl'), lines.replace('"ndcg"', '"other"'))
    expect(() => regroupProfiles(out, groups)).toThrow(/users\.jsonl:1 holds no scores of a user/)
    writeFileSync(join(out, 'users.jsonl'), lines.replace('"run2"', '"run9"'))
    expect(() => regroupProfiles(out, groups)).toThrow(/has no score of run2 for a in pools of 4/)
    writeFileSync(join(out, 'result.json'), '{}')
    expect(() => regroupProfiles(out, groups)).toThrow(/holds no result\.json of an evaluation of profiles/)
    expect(() => regroupProfiles(join(folder, 'nowhere'), groups)).toThrow(/cannot be read \(ENOENT\)/)
  })
})
