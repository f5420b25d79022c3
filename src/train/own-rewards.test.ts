// Rewards of one's own, alone or beside the bidirectional one, on the toy policy: what they add, and that a broken one
// costs no step.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addedRewardsOf } from '../cli/shared/reward-modules.ts'
import { defineReward } from '../reward/custom.ts'
import { checkpointSteps } from '../run/read.ts'
import { toyPolicy, toySplit } from './testing/toy-policy.ts'
import { type TrainEvent, type TrainOptions, train } from './train.ts'

const root = mkdtempSync(join(tmpdir(), 'bump-own-rewards-'))
const log = join(root, 'log.jsonl')
beforeAll(() => {
  const { train: some, validation, test } = toySplit()
  const lines = [...some, ...validation, ...test].flatMap(({ id, history, heldOut }) =>
    [...history, ...heldOut].map(({ text }, time) => JSON.stringify({ user: id, time, text })),
  )
  writeFileSync(log, lines.join('\n'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const options = (out: string, more: Partial<TrainOptions>): TrainOptions => ({
  model: toyPolicy(),
  logs: log,
  out: join(root, out),
  split: { minInteractions: 2, validation: 6, test: 6 },
  reward: { negatives: 4 },
  rollout: { users: 6, groupSize: 4 },
  profile: { maxTokens: 4 },
  optim: { steps: 4, learningRate: 0.1 },
  checkpoint: { every: 4 },
  ...more,
})
const read = (run: string, file: string) => readFileSync(join(root, run, file), 'utf8')
const timeless = (run: string) => read(run, 'metrics.jsonl').replace(/,?"(step_time|time\/\w+)":[\d.e-]+/g, '')
const short = async ({ text }: { text: string }): Promise<number> => {
  await setTimeout(0)
  return text.length > 12 ? 0 : 1
}
const rewards = (score: Parameters<typeof defineReward>[1] = short, weight = 0.5) => [
  { reward: defineReward('short', score), weight },
]

describe("a reward of one's own", () => {
  it('beside the bidirectional one is weighted, logged and recorded', async () => {
    await train(options('beside', { rewards: rewards(), optim: { steps: 1 } }))
    const [line] = read('beside', 'rollouts.jsonl').split('\n')
    const { forward, backward, short: mine, length, copied, reward } = JSON.parse(line)
    expect(reward).toBeCloseTo(forward + backward + 0.5 * mine - length - copied, 12)
    const [validation, step] = read('beside', 'metrics.jsonl')
      .split('\n')
      .map((each) => each && JSON.parse(each))
    expect(Object.keys(step)).toEqual(expect.arrayContaining(['rewards/forward/mean', 'rewards/short/mean']))
    expect(validation['eval/score']).toBeCloseTo(
      validation['eval/forward'] + validation['eval/backward'] + 0.5 * validation['eval/short'],
      12,
    )
    const { config, reward: record } = JSON.parse(read('beside', 'config.json'))
    expect(config.reward).toMatchObject({ type: 'bidirectional', added: [{ name: 'short', weight: 0.5, options: {} }] })
    expect(record).toEqual({ added: [{ name: 'short' }] })
  })

  it('may fail in the middle of a run: no step is lost, and resume gives what an unbroken run gives', async () => {
    await train(options('whole', { rewards: rewards() }))
    let calls = 0
    // 6 profiles of the first validation, 24 a step: the third step fails.
    const flaky: typeof short = async (rollout) => {
      if (++calls > 6 + 2 * 24 + 5) throw new Error('503')
      return await short(rollout)
    }
    const notes: string[] = []
    const onEvent = (event: TrainEvent) => event.type === 'note' && notes.push(event.text)
    await expect(train(options('broken', { rewards: rewards(flaky), onEvent }))).rejects.toMatchObject({
      code: 'reward-failed',
      message: expect.stringMatching(/^the reward short on rollout \d of user \S+ failed: 503$/),
    })
    expect(checkpointSteps(join(root, 'broken'))).toContain(2)
    expect(notes.at(-1)).toMatch(/ended after step 2, with a checkpoint/)
    await train(options('broken', { rewards: rewards(), resume: true }))
    for (const of of [timeless, (run: string) => read(run, 'profiles.jsonl')]) expect(of('broken')).toBe(of('whole'))
  })

  it.each(['reward', 'judge'])('may hang, as a judge may, when the run is ended: %s', async (what) => {
    const stop = new AbortController()
    const hang = (): Promise<never> => {
      queueMicrotask(() => stop.abort())
      return new Promise(() => {})
    }
    const customJudge = { name: 'silent', describe: () => ({}), score: hang }
    const more = what === 'judge' ? { customJudge } : { rewards: rewards(hang) }
    const hanging = train(options(`hanging-${what}`, { ...more, signal: stop.signal }))
    await expect(hanging).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringMatching(/after step 0, with a checkpoint/),
    })
  })

  it('names what cannot be', async () => {
    const refused = (more: Partial<TrainOptions>) => expect(train(options('refused', more))).rejects
    await refused({ rewards: rewards(() => Number.NaN) }).toThrow(/short gave NaN as short for rollout 0 of user /)
    await refused({ rewards: rewards(short, Number.NaN) }).toThrow(/reward\.added\.0\.weight/)
    await refused({ rewards: [...rewards(), ...rewards()] }).toThrow(/two rewards have one name/)
    const forward = { reward: defineReward('forward', short), weight: 1 }
    await refused({ rewards: [forward], out: join(root, 'clash') }).toThrow(
      /has a term called forward, as another reward/,
    )
    const added = [{ name: 'short', weight: 1 }]
    await refused({ reward: { added } }).toThrow(/reward\.added names functions \(short\)/)
    const changed = rewards(short, 2)
    await expect(train(options('whole', { rewards: changed, resume: true }))).rejects.toThrow(
      /reward\.added\.0\.weight: 0\.5 then, 2 now/,
    )
  })

  it('alone is named where it throws or gives no number', async () => {
    const given = (value: number | Record<string, number>) => defineReward('mine', () => value)
    const failing = (out: string, customReward: ReturnType<typeof given>) =>
      expect(train(options(out, { customReward }))).rejects
    await failing('nan', given(Number.NaN)).toThrow(/the reward mine gave NaN as mine for rollout 0 of user /)
    await failing('taken', given({ tokens: 1 })).toThrow(/has a term called tokens, which rollouts\.jsonl uses itself/)
    const thrown = defineReward('mine', () => {
      throw new Error('out of luck')
    })
    await failing('throws', thrown).toThrow(/the reward mine on rollout 0 of user \S+ failed: out of luck/)
    // What only a program without types can give.
    for (const [i, odd] of [true, undefined, '0.5', {}, [1]].entries())
      await failing(`odd-${i}`, given(odd as number)).toThrow(/^the reward mine gave .* for rollout 0 of user /)
    let asked = 0
    const uneven = defineReward('mine', (): Record<string, number> => (asked++ % 2 === 0 ? { a: 1 } : { a: 1, b: 2 }))
    await failing('uneven', uneven).toThrow(/has the terms a for one profile and a, b for another/)
    const unmade = { name: 'mine', create: () => Promise.reject(new Error('no table')) }
    await failing('unmade', unmade).toMatchObject({
      code: 'reward-failed',
      message: 'the reward mine failed: no table',
    })
    expect(existsSync(join(root, 'throws', 'config.json'))).toBe(true)
    expect(existsSync(join(root, 'throws', 'lock'))).toBe(false)
  })

  it('of a module runs only where the command names it', async () => {
    const module = join(root, 'kind-of.mjs')
    writeFileSync(module, 'export default [({ text }) => text.length, { name: 7 }]\n')
    const of = (name: string) =>
      ({ reward: { added: [{ name, weight: 0.5, options: {} }] } }) as unknown as Parameters<typeof addedRewardsOf>[0]
    await expect(addedRewardsOf(of(module), [])).rejects.toThrow(`name it by --add-reward ${module}=0.5 if you trust`)
    const named = [{ name: module, weight: 0.5 }]
    await expect(addedRewardsOf(of(module), named)).rejects.toThrow(/its default export must be/)
    const two = join(root, 'two.mjs')
    writeFileSync(
      two,
      "export default [({ text }) => text.length / 10, { name: 'x', create: () => ({ score: async (b) => " +
        '({ rewards: b.map(({ rollouts }) => rollouts.map(() => ({ terms: { x: 1 }, raw: 1, length: 0, copied: 0, total: 1, empty: false }))), chance: {}, usage: {} }) }) }]\n',
    )
    const given = await addedRewardsOf(of(two), [{ name: two, weight: 0.5 }])
    await train(options('module', { rewards: given, optim: { steps: 1 } }))
    const [line] = read('module', 'rollouts.jsonl').split('\n')
    const { forward, backward, two: letters, x, length, copied, reward } = JSON.parse(line)
    expect(x).toBe(1)
    expect(reward).toBeCloseTo(forward + backward + 0.5 * (letters + x) - length - copied, 12)
    expect(JSON.parse(read('module', 'config.json')).reward.added).toEqual([
      { name: two, module: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
  })
})
