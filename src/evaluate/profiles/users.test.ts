import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { trainConfigSchema } from '../../train/config.ts'
import { readTrainedRun } from '../../train/trained-run.ts'
import { evaluationUsers } from './users.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-users-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A log of `count` users p0, p1, …, or of other names, six records each. */
function writeLog(name: string, count: number, prefix = 'p'): string {
  const records = Array.from({ length: count }, (_, u) =>
    Array.from({ length: 6 }, (_, i) => ({ user: `${prefix}${u}`, text: `${prefix}${u} wrote record ${i}` })),
  )
  const path = join(folder, name)
  writeFileSync(
    path,
    records
      .flat()
      .map((record) => `${JSON.stringify(record)}\n`)
      .join(''),
  )
  return path
}

function writeRun(name: string, logs: object, users?: object, more: object = {}): string {
  const run = join(folder, name)
  mkdirSync(run)
  const config = trainConfigSchema.parse({ name, logs, model: 'm', split: { validation: 3, test: 4 } })
  const header = { package: { name: 'bump', version: '0' }, model: { digest: 'd' }, data: {} }
  writeFileSync(join(run, 'config.json'), JSON.stringify({ ...header, config, ...more }))
  if (users) writeFileSync(join(run, 'users.json'), JSON.stringify(users))
  return run
}

const heldOut = { heldOut: 1, minInteractions: 4, seed: 0 }
const ids = (users: readonly { id: string }[]) => users.map(({ id }) => id)
/** users.json of a run trained on p0, p1, … (three of them for validation) and tested on the next. */
const parts = (prefix: string, trained: number, test: number) => {
  const names = Array.from({ length: trained + test }, (_, i) => `${prefix}${i}`)
  return { train: names.slice(3, trained), validation: names.slice(0, 3), test: names.slice(trained) }
}

describe('evaluationUsers', () => {
  it("are the run's own test users", async () => {
    const run = readTrainedRun(writeRun('run', { paths: [writeLog('log.jsonl', 20)] }, parts('p', 16, 4)))
    const { users } = await evaluationUsers([run], undefined, heldOut)
    expect(ids(users)).toEqual(['p16', 'p17', 'p18', 'p19'])
  })

  it('are those of the test logs where the run has such', async () => {
    const paths = [writeLog('train.jsonl', 8)]
    const testPaths = [writeLog('test.jsonl', 5, 'q')]
    const known = { train: ['p3'], validation: ['p0'], test: ['q0', 'q1', 'q2', 'q3', 'q4'] }
    const run = readTrainedRun(writeRun('run', { paths, testPaths }, known))
    const { users, source } = await evaluationUsers([run], undefined, heldOut)
    expect(ids(users).sort()).toEqual(['q0', 'q1', 'q2', 'q3', 'q4'])
    expect(source.paths[0]).toMatch(/test\.jsonl$/)
  })

  it('were in no training: others are refused, with ids', async () => {
    const log = writeLog('log.jsonl', 20)
    const run = readTrainedRun(writeRun('run', { paths: [log] }, parts('p', 16, 4)))
    await expect(evaluationUsers([run], { paths: [log] }, heldOut)).rejects.toThrow(
      /16 of the 20 users to evaluate were in the training of .*run, 13 in its train part and 3 in its validation part: p\d/,
    )
    const other = readTrainedRun(
      writeRun('other', { paths: [log] }, { train: ['p0'], validation: ['p1'], test: ['p2'] }),
    )
    await expect(
      evaluationUsers([other], { paths: [writeLog('few.jsonl', 1), writeLog('q.jsonl', 3, 'q')] }, heldOut),
    ).rejects.toThrow(/1 of the 4 users to evaluate were in the training of .*other, 1 in its train part: p0\./)
    const fine = await evaluationUsers([run, other], { paths: [join(folder, 'q.jsonl')] }, heldOut)
    expect(fine.users).toHaveLength(3)
  })

  it('of a run that does not say who it was trained on are nobody', async () => {
    const run = readTrainedRun(writeRun('run', { paths: [writeLog('log.jsonl', 4)] }))
    await expect(evaluationUsers([run], undefined, heldOut)).rejects.toMatchObject({ code: 'run-unusable' })
  })

  it('must still be in the logs', async () => {
    const known = { train: ['p0'], validation: ['p1'], test: ['p2', 'gone'] }
    const run = readTrainedRun(writeRun('run', { paths: [writeLog('log.jsonl', 4)] }, known))
    await expect(evaluationUsers([run], undefined, heldOut)).rejects.toThrow(/1 of the 2 test users .*\(gone\)/)
    await expect(evaluationUsers([], undefined, heldOut)).rejects.toThrow('name the interaction logs')
  })
})

describe('readTrainedRun', () => {
  it('refuses runs of bump sft, and of versions whose prompt is not known', () => {
    const paths = ['a.jsonl']
    expect(() => readTrainedRun(writeRun('sft', { paths }, undefined, { kind: 'sft' }))).toThrow(/bump sft/)
    const old = { config: { ...trainConfigSchema.parse({ name: 'x', logs: { paths }, model: 'm' }), prompt: {} } }
    expect(() => readTrainedRun(writeRun('old', { paths }, undefined, old))).toThrow(/another version of bump/)
    expect(readTrainedRun(`${writeRun('fine', { paths })}/`).name).toBe('fine')
  })
})
