import { describe, expect, it } from 'vitest'
import type { Summary } from '../run/format.ts'
import { trainConfigSchema } from '../train/config.ts'
import { ablationTable, type Variant, type VariantRun, variantConfig, variantsOf } from './ablation.ts'

const base = (reward: object = {}) =>
  trainConfigSchema.parse({ name: 'abl', logs: { paths: ['a.jsonl'] }, model: 'm', reward })

/** A run whose two test users gain `gain` forward; the second has twice the length. */
function run(variant: Variant, seed: number, gain: number, changes: Partial<Summary> = {}): VariantRun {
  const at = (mean: number) => ({ mean, low: mean, high: mean })
  const all = (mean: number) => ({ forward: at(mean), backward: at(mean), both: at(mean) })
  const side = (forward: number, tokens: number) => ({ profile: 'p', tokens, forward, backward: 0.5 })
  return {
    variant,
    seed,
    profiles: ['ann', 'bob'].map((user, u) => ({
      user,
      before: side(0.4, 20),
      after: side(0.4 + gain * (u + 1), 10 * (u + 1)),
    })),
    summary: {
      before: all(0.45),
      after: all(0.5 + gain),
      difference: all(gain),
      controls: { history: all(0.9), mismatched: all(0.47) },
      chance: { forward: 0.4, backward: 0.6 },
      users: 2,
      steps: 4,
      bestStep: 2,
      seed,
      seconds: {},
      peakMemoryBytes: 1,
      model: { name: 'tiny', digest: 'd' },
      judge: { scorer: 'likelihood', name: 'tiny' },
      data: { digest: 'logs' },
      ...changes,
    },
  }
}

describe('variantConfig', () => {
  it('leaves out what the variant is called by, and changes nothing else', () => {
    const config = base({ forwardWeight: 2 })
    expect(variantConfig(config, 'both', 3)).toEqual({ ...config, name: 'abl-both-s3', seed: 3 })
    expect(variantConfig(config, 'forward', 1).reward).toEqual({ ...config.reward, backwardWeight: 0 })
    expect(variantConfig(config, 'backward', 1).reward).toEqual({ ...config.reward, forwardWeight: 0 })
    expect(variantConfig(config, 'no-length-penalty', 1).reward).toEqual({ ...config.reward, lengthPenalty: 0 })
    const hard = base({ forwardWeight: 2, hardExamples: { embedder: 'e', positives: false } })
    expect(variantConfig(hard, 'in-batch', 1).reward).toEqual(config.reward)
    expect(variantsOf(hard)).toContain('in-batch')
    expect(variantsOf(config)).not.toContain('in-batch')
    const added = base({ forwardWeight: 2, added: [{ name: './kind.mjs', weight: 0.5 }] })
    expect(variantConfig(added, 'no-added', 1).reward).toEqual(config.reward)
    expect(variantConfig(added, 'both', 1).reward).toEqual(added.reward)
    expect(variantsOf(added)).toContain('no-added')
    expect(variantsOf(config)).not.toContain('no-added')
    expect(() => variantConfig(config, 'no-added', 1)).toThrow(/leaves out the rewards of reward\.added/)
    expect(() => variantConfig(config, 'in-batch', 1)).toThrow(/leaves out reward.hardExamples, which is not set/)
  })

  it('refuses a base that leaves a part out by itself, or has another reward', () => {
    expect(() => variantConfig(base({ backwardWeight: 0 }), 'both', 1)).toThrow(/reward\.backwardWeight is 0/)
    expect(() => variantConfig(base({ type: 'custom', name: 'own' }), 'both', 1)).toThrow(/cannot be custom/)
  })
})

describe('ablationTable', () => {
  it('has zero-shot, each variant and the raw history, with differences paired by user', () => {
    const table = ablationTable([run('forward', 1, 0.1), run('both', 1, 0.2)], 0)
    expect(table.rows.map(({ condition }) => condition)).toEqual(['zero-shot', 'both', 'forward', 'history'])
    expect(table.rows.map(({ values }) => values.forward.mean)).toEqual([
      0.4,
      expect.closeTo(0.7),
      expect.closeTo(0.55),
      0.9,
    ])
    expect(table.rows[1].values.both.mean).toBeCloseTo(0.6)
    expect(table.rows[1].values.length.mean).toBe(15)
    const { values } = table.differences.find(({ a, b }) => a === 'forward' && b === 'both')!
    expect(values.forward).toEqual({
      mean: expect.closeTo(-0.15),
      low: expect.closeTo(-0.2),
      high: expect.closeTo(-0.1),
    })
    expect(values.backward).toEqual({ mean: 0, low: 0, high: 0 })
    expect(table.differences.map(({ a, b }) => `${a}-${b}`)).toEqual([
      'both-zero-shot',
      'forward-zero-shot',
      'forward-both',
    ])
    expect(table.metrics.map(({ chance }) => chance)).toEqual([0.4, 0.6, 0.5, null])
    expect(table.notes.join('\n')).toMatch(/one seed \(1\)/)
  })

  it('takes each user’s mean over the seeds, and names the spread', () => {
    const table = ablationTable([run('both', 1, 0.1), run('both', 2, 0.3)], 0)
    expect(table.rows[1].n).toBe(2)
    expect(table.rows[1].values.forward.mean).toBeCloseTo(0.7)
    expect(table.notes.join('\n')).toMatch(/both directions 0\.600, 0\.800; largest spread between seeds 0\.200/)
  })

  it('refuses runs of other logs or models', () => {
    const other = run('forward', 1, 0.1, { data: { digest: 'other logs' } })
    expect(() => ablationTable([run('both', 1, 0.2), other], 0)).toThrow(
      /both, seed 1, and forward, seed 1.*another name/,
    )
  })
})
