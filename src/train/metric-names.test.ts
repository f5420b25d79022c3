// Every name that a run logs stands in the table of src/run/metrics.ts, and the table names none that no run logs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { METRICS } from '../run/metrics.ts'
import { sft } from './sft.ts'
import { sftConfigSchema } from './sft-config.ts'
import { toyPolicy, toySplit, toyTokenizer } from './testing/toy-policy.ts'
import { train } from './train.ts'

const root = mkdtempSync(join(tmpdir(), 'bump-metrics-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** `rewards/<term>/mean` as a regular expression; names without a part in angle brackets match themselves. */
const patterns = Object.keys(METRICS).map((name) => ({
  name,
  matches: new RegExp(`^${name.replace(/<\w+>/g, '[^/]+')}$`),
}))

/** The names of the table that a run's metrics.jsonl has; every name of the log must be in it. */
function namesLogged(folder: string): string[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n')
  const logged = [...new Set(lines.flatMap((line) => Object.keys(JSON.parse(line))))]
  const known = (name: string) => patterns.some(({ matches }) => matches.test(name))
  expect(logged.filter((name) => !known(name))).toEqual([])
  return patterns.filter(({ matches }) => logged.some((name) => matches.test(name))).map(({ name }) => name)
}

it('bump train logs the names of the table', async () => {
  const { train: a, validation, test } = toySplit()
  const lines = [...a, ...validation, ...test].flatMap(({ id, history, heldOut }) =>
    [...history, ...heldOut].map(({ text }, time) => JSON.stringify({ user: id, time, text })),
  )
  writeFileSync(join(root, 'log.jsonl'), lines.join('\n'))
  const out = join(root, 'trained')
  await train({
    model: toyPolicy(),
    logs: { paths: [join(root, 'log.jsonl')], user: 'user', time: 'time', text: 'text' },
    out,
    split: { minInteractions: 2, validation: 6, test: 6 },
    judge: { scorer: 'several', judges: [{ scorer: 'likelihood' }, { scorer: 'likelihood', maxProfileTokens: 8 }] },
    reward: { negatives: 4 },
    rollout: { users: 6, groupSize: 4 },
    profile: { maxTokens: 4 },
    optim: { steps: 2, learningRate: 0.1 },
  })
  const expected = Object.entries(METRICS).filter(([, { run }]) => run !== 'sft')
  expect(namesLogged(out)).toEqual(expected.map(([name]) => name))
})

it('bump sft logs the names of the table', async () => {
  const out = join(root, 'adapted')
  const [stop] = toyTokenizer.stopTokens
  await sft({
    model: toyPolicy(),
    config: sftConfigSchema.parse({ name: 'adapted', validation: { users: 2 }, optim: { steps: 2 } }),
    examples: ['coffee beans', 'trains rails', 'chess endgames', 'jazz swing'].map((words, i) => ({
      id: `q${i}`,
      user: `u${i}`,
      prompt: toyTokenizer.encode(`about ${words.split(' ')[0]}: Write only the profile.`),
      target: [...toyTokenizer.encode(` ${words.split(' ')[1]}`), stop],
    })),
    about: {},
    out,
  })
  const expected = Object.entries(METRICS).filter(([, { run }]) => run !== 'train')
  expect(namesLogged(out)).toEqual(expected.map(([name]) => name))
})
