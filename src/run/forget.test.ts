// A person taken out of a run folder, and what becomes of the run.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunFolder } from './folder.ts'
import { forgetInRun } from './forget.ts'
import { readRunUsers } from './read.ts'

const HEADER = {
  config: {},
  package: { name: 'bump', version: '1' },
  model: { name: 'm', digest: 'd' },
  data: { digest: 'x' },
}

describe('forgetInRun', () => {
  let run: string
  const file = (name: string) => join(run, name)
  const jsonl = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')
  beforeEach(() => {
    run = mkdtempSync(join(tmpdir(), 'bump-forget-'))
    mkdirSync(file('checkpoints/step-1'), { recursive: true })
    writeFileSync(file('config.json'), JSON.stringify(HEADER))
    writeFileSync(file('users.json'), JSON.stringify({ train: ['ann', 'bob'], validation: [], test: ['cleo'] }))
    const rollout = (user: string, profile: string) => ({ step: 1, user, rollout: 0, profile })
    // The last line was torn by a kill.
    const torn = '{"step":2,"user":"ann","profile":"SECRET pla'
    const rollouts = jsonl(rollout('ann', 'SECRET\u2028cards'), rollout('bob', 'names "ann"'), rollout('ann', 'SECRET'))
    writeFileSync(file('rollouts.jsonl'), rollouts + torn)
    writeFileSync(file('profiles.jsonl'), jsonl({ user: 'cleo', before: {}, after: {} }))
    writeFileSync(file('extra.jsonl'), jsonl({ user: 'ann', profile: 'SECRET' }, ['key', 0.5]))
    writeFileSync(file('report.html'), 'SECRET')
    writeFileSync(file('rollouts.jsonl.7.tmp'), 'SECRET')
    writeFileSync(file('evaluation.json'), JSON.stringify({ best: 'ann' }))
  })
  afterEach(() => rmSync(run, { recursive: true, force: true }))

  const gone = [
    { file: 'extra.jsonl', count: 1 },
    { file: 'rollouts.jsonl', count: 3 },
    { file: 'users.json', count: 1 },
    { file: 'report.html', count: null },
  ]

  it('says what would go, and changes nothing', () => {
    const before = readFileSync(file('rollouts.jsonl'), 'utf8')
    const receipt = forgetInRun(run, 'ann', { dryRun: true })
    expect(receipt).toMatchObject({ dryRun: true, files: gone, left: ['evaluation.json'] })
    expect(readFileSync(file('rollouts.jsonl'), 'utf8')).toBe(before)
    expect(existsSync(file('forgotten.json'))).toBe(false)
    RunFolder.open(run, HEADER, true).close()
  })

  it('leaves no byte of the person, and the lines of others as they were', () => {
    expect(forgetInRun(run, 'ann', { dryRun: false })).toMatchObject({ dryRun: false, files: gone })
    expect(readRunUsers(run)).toEqual({ train: ['bob'], validation: [], test: ['cleo'] })
    expect(readFileSync(file('rollouts.jsonl'), 'utf8')).toBe(
      jsonl({ step: 1, user: 'bob', rollout: 0, profile: 'names "ann"' }),
    )
    expect(readFileSync(file('extra.jsonl'), 'utf8')).toBe(jsonl(['key', 0.5]))
    for (const name of ['report.html', 'rollouts.jsonl.7.tmp']) expect(existsSync(file(name))).toBe(false)
    expect(readFileSync(file('forgotten.json'), 'utf8')).not.toContain('ann')
    expect(forgetInRun(run, 'ann', { dryRun: false }).files).toEqual([])
  })

  it('is not gone on with, and waits for who trains', () => {
    const held = RunFolder.open(run, HEADER, true)
    expect(forgetInRun.bind(undefined, run, 'ann', { dryRun: false })).toThrow(/in use by process/)
    held.close()
    forgetInRun(run, 'nobody', { dryRun: false })
    RunFolder.open(run, HEADER, true).close()
    forgetInRun(run, 'cleo', { dryRun: false })
    expect(() => RunFolder.open(run, HEADER, true)).toThrow(/people were taken out of this run/)
    expect(() => forgetInRun(join(run, 'checkpoints'), 'ann', { dryRun: true })).toThrow(/is no run folder/)
  })
})
