import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { User } from '../logs/types.ts'
import { BumpError } from '../util/errors.ts'
import { clearDemoRun, demoConfig, demoReport } from './demo.ts'

const config = demoConfig({ seed: 3, steps: 20, name: 'demo-3' })

describe('the demo', () => {
  it('trains the bundled model on the bundled log', () => {
    expect(config).toMatchObject({ seed: 3, name: 'demo-3', optim: { steps: 20 }, trainable: { type: 'full' } })
    expect(existsSync(config.model)).toBe(true)
    expect(existsSync(config.logs.paths[0])).toBe(true)
  })

  it('refuses values that are not allowed, naming the flag', () => {
    expect(() => demoConfig({ seed: 1, steps: 1, name: '../elsewhere' })).toThrow(/--name/)
    expect(() => demoConfig({ seed: 2 ** 40, steps: 1, name: 'demo' })).toThrow(BumpError)
  })
})

describe('an existing run folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bump-demo-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const writeHeader = (of: object): void => {
    const header = { config: of, package: { name: 'bump-profiles', version: '0' }, model: {}, data: {} }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(header))
  }

  it('is replaced where it is a demo', () => {
    writeHeader(demoConfig({ seed: 9, steps: 5, name: 'x' }))
    clearDemoRun(folder, config)
    expect(existsSync(folder)).toBe(false)
    clearDemoRun(folder, config)
  })

  it('is kept where it is anything else', () => {
    mkdirSync(join(folder, 'precious'))
    expect(() => clearDemoRun(folder, config)).toThrow(/another --name/)
    writeHeader({ ...config, logs: { ...config.logs, paths: ['mine.jsonl'] } })
    expect(() => clearDemoRun(folder, config)).toThrow(/another --name/)
    expect(existsSync(join(folder, 'precious'))).toBe(true)
  })
})

describe("the demo's report", () => {
  it('shows NDCG beside chance, and two users with records and profiles', () => {
    const interval = (mean: number) => ({ mean, low: mean - 0.05, high: mean + 0.05 })
    const all = (mean: number) => ({ forward: interval(mean), backward: interval(mean), both: interval(mean) })
    const summary = {
      before: all(0.5),
      after: all(0.8),
      difference: all(0.3),
      controls: { history: all(0.9), mismatched: all(0.47) },
      chance: { forward: 0.473, backward: 0.473 },
      users: 3,
      steps: 20,
      bestStep: 20,
      seed: 1,
      seconds: {},
      peakMemoryBytes: 1,
      model: {},
      judge: {},
      data: {},
    }
    const users: User[] = ['ada', 'bo', 'cy'].map((id) => ({
      id,
      history: Array.from({ length: 7 }, (_, i) => ({ text: `${id} record ${i}`, time: i, metadata: {} })),
      heldOut: [],
    }))
    const side = (profile: string) => ({ profile, tokens: 2, forward: 0.5, backward: 0.5 })
    const profiles = users.map(({ id }) => ({ user: id, before: side(`${id} vague`), after: side(`${id} true`) }))
    const report = demoReport(summary, profiles, users, 'runs/demo')
    for (const text of ['0.473', '0.500', '0.800', '0.300', 'ada record 6', 'ada vague', 'bo true', 'runs/demo'])
      expect(report).toContain(text)
    for (const text of ['cy true', 'ada record 1']) expect(report).not.toContain(text)
  })
})
