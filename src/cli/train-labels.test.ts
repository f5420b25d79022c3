// `bump train --reward labels` end to end on a small set in LaMP's shape: logs from its profiles, the reward from its
// golds.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-labels-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
  writeReviews('train', 16)
  writeReviews('dev', 4)
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

/** Ratings of `users` people, each with a fixed mood, in the files of a LaMP-3 split. */
function writeReviews(split: string, users: number): void {
  const questions = Array.from({ length: users }, (_, u) => ({
    id: `${split}-${u}`,
    user_id: `${split}-user-${u}`,
    input: `What is the score of the following review on a scale of 1 to 5? just answer with 1, 2, 3, 4, or 5 without further explanation. review: tea ${u}`,
    profile: Array.from({ length: 5 }, (_, i) => ({
      id: `${split}-${u}-${i}`,
      text: `review ${i} of garden tools by person ${u}`,
      score: String(1 + (u % 5)),
    })),
  }))
  const golds = questions.map(({ id }, u) => ({ id, output: String(1 + (u % 5)) }))
  writeFileSync(join(folder, `${split}_questions.json`), JSON.stringify(questions))
  writeFileSync(join(folder, `${split}_outputs.json`), JSON.stringify({ task: 'LaMP_3', golds }))
}

const SETTINGS = [
  ...['trainable.type=full', 'rollout.users=3', 'rollout.groupSize=3', 'profile.maxTokens=8', 'validation.every=1'],
  ...[
    'prompt.historyTokens=64',
    'split.validation=3',
    'split.test=4',
    'reward.negatives=2',
    'reward.options.budget=96',
  ],
]
const train = (...flags: string[]) => {
  const model = ['--model', join('assets', 'nano'), '--threads', '1', '--runs', join(folder, 'runs')]
  return main(['train', ...model, ...SETTINGS.flatMap((setting) => ['--set', setting]), ...flags])
}
const labels = (...flags: string[]) => train('--reward', 'labels', '--task', '3', '--data', folder, ...flags)
const lines = (run: string, file: string): Record<string, unknown>[] =>
  readFileSync(join(folder, 'runs', run, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('training on labels', { timeout: 60_000 }, () => {
  it('rewards by the task, validates by it, and tests both the task and NDCG', async () => {
    expect(await labels('--steps', '2'), captured.stderr).toBe(0)
    const run = 'lamp-3-labels-nano'
    const metrics = lines(run, 'metrics.jsonl')
    const step = metrics.find((line) => line.step === 1 && 'reward' in line)!
    expect(step['rewards/labels/mean']).toBeGreaterThanOrEqual(0)
    expect(step['rewards/labels/mean']).toBeLessThanOrEqual(1)
    expect(step).not.toHaveProperty('rewards/forward/mean')
    expect(metrics[0]).toMatchObject({ step: 0, 'eval/users': 3, 'eval/labels': expect.any(Number) })
    expect(lines(run, 'rollouts.jsonl')[0]).toHaveProperty('labels')
    const summary = JSON.parse(readFileSync(join(folder, 'runs', run, 'summary.json'), 'utf8'))
    expect(summary.task).toMatchObject({ task: 'LaMP-3', users: 4, questions: 4 })
    expect(summary.task.difference.mae.mean).toBeCloseTo(summary.task.after.mae.mean - summary.task.before.mae.mean, 10)
    expect(summary.difference.forward).toHaveProperty('low')
    expect(captured.stdout).toMatch(/LaMP-3, 4 questions of 4 of these users[\s\S]*mae {2,}\d/)
    expect(captured.stderr).toMatch(/step 1\/2 reward -?\d\.\d+ labels \d\.\d+ length/)
    // The same command with --resume finds its own run, and no other reward goes on with it.
    expect(await labels('--steps', '2', '--resume'), captured.stderr).toBe(0)
    expect(await train('--resume', '--name', run, '--set', 'reward.options.maxQuestions=9')).toBe(1)
    expect(captured.stderr).toMatch(/reward\.options\.maxQuestions: 2 then, 9 now/)
  })

  it('tests users of other logs on the questions of the dev split', async () => {
    const dev = join(folder, 'dev_questions.json')
    expect(await labels('--steps', '1', '--name', 'dev', '--test-logs', dev), captured.stderr).toBe(0)
    const summary = JSON.parse(readFileSync(join(folder, 'runs', 'dev', 'summary.json'), 'utf8'))
    expect(summary.task).toMatchObject({ users: 4, questions: 4 })
  })

  it('says what is wrong with the folder or the logs', async () => {
    expect(await labels('--task', '5')).toBe(1)
    expect(captured.stderr).toMatch(/train_questions\.json/)
    captured.stderr = ''
    const others = join('assets', 'example', 'log.jsonl')
    expect(await labels('--logs', others, '--name', 'others')).toBe(1)
    expect(captured.stderr).toMatch(/users have no question in .*train_questions\.json \(person-/)
    expect(existsSync(join(folder, 'runs', 'others'))).toBe(false)
    captured.stderr = ''
    expect(await train('--reward', 'labels', '--data', folder, '--logs', others)).toBe(2)
    expect(captured.stderr).toMatch(/reward\.options\.task: expected one of 1\|2/)
    captured.stderr = ''
    expect(await train('--task', '3', '--logs', others)).toBe(2)
    expect(captured.stderr).toMatch(/--task and --data are of the reward of labels: add --reward labels/)
  })
})
