import { describe, expect, it } from 'vitest'
import { ScoreCache } from '../../judge/cache.ts'
import { judgeConfigSchema } from '../../judge/config.ts'
import { createJudge } from '../../judge/judge.ts'
import { toyUsers } from '../../judge/testing/toy-world.ts'
import { toyEncoder } from '../../model/testing/toy-encoder.ts'
import { mean } from '../../util/stats.ts'
import { mismatchedWith } from '../measure/controls.ts'
import { mismatchedOf } from '../profiles/conditions.ts'
import { reidentificationMetrics, reidentify } from './reidentification.ts'

describe('finding a person by a profile', () => {
  it('finds whom the profile names, and by another one, or by none, as often as chance', async () => {
    const users = toyUsers(20)
    const config = judgeConfigSchema.parse({ scorer: 'embedding', model: 'toy' })
    const judge = createJudge(toyEncoder(), config, { store: new ScoreCache(1e4) })
    const own = { key: 'own', label: 'own', profiles: users.map(({ profile }) => profile) }
    const empty = { key: 'empty', label: 'empty', profiles: users.map(() => ' ') }
    const texts = users.map(({ history }) => history)
    const measured = await reidentify(texts, [own, mismatchedOf(own), empty], judge, {
      mismatch: mismatchedWith(users.length, 1),
    })
    const of = (c: number, metric: string) => mean(measured[c].values[metric])
    expect([of(0, 'recall1'), of(0, 'recall10'), of(0, 'mrr')]).toEqual([1, 1, 1])
    const chance = Object.fromEntries(reidentificationMetrics(19).map(({ key, chance }) => [key, chance!]))
    expect(chance.recall1).toBeCloseTo(1 / 19, 12)
    for (const metric of ['recall1', 'recall10', 'mrr']) {
      expect(of(2, metric)).toBeCloseTo(chance[metric], 10)
      expect(Math.abs(of(1, metric) - chance[metric])).toBeLessThan(0.2)
    }
  })
})
