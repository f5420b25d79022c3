// `bump ablate` end to end with the nano model: stopped after some runs it goes on, and prints one table.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { evaluationResultSchema } from '../evaluate/result.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const captured = capturedOutput()
let folder: string
const log = join('assets', 'example', 'log.jsonl')
const server = createServer((_, answer) => answer.end(readFileSync(log)))
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  folder = mkdtempSync(join(tmpdir(), 'bump-ablate-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const SETTINGS = [
  ...[
    'trainable.type=full',
    'optim.learningRate=1e-3',
    'rollout.users=3',
    'rollout.groupSize=3',
    'profile.maxTokens=8',
  ],
  ...['prompt.historyTokens=64', 'split.validation=3', 'split.test=5', 'reward.negatives=2', 'reward.lengthBudget=4'],
]
const ablate = (...flags: string[]) => {
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/log.jsonl?key=secret`
  const where = ['--logs', address, '--model', join('assets', 'nano'), '--threads', '1']
  const set = SETTINGS.flatMap((setting) => ['--set', setting])
  return main(['ablate', ...where, '--runs', folder, '--name', 'abl', '--steps', '2', ...set, ...flags])
}
const json = (...parts: string[]) => JSON.parse(readFileSync(join(folder, ...parts), 'utf8'))

describe('bump ablate', { timeout: 90_000 }, () => {
  it('takes name and seed of a configuration, and refuses names too long for its runs before any is trained', async () => {
    const config = join(folder, 'own.yaml')
    const model = join('assets', 'nano')
    const settings = SETTINGS.flatMap((setting) => ['--set', setting])
    writeFileSync(config, JSON.stringify({ name: 'mine', seed: 9, logs: { paths: [log] }, model }))
    const flags = ['--config', config, '--runs', folder, '--steps', '1', '--threads', '1', ...settings]
    expect(await main(['ablate', ...flags, '--variants', 'both']), captured.stderr).toBe(0)
    expect(json('mine-both-s9', 'config.json').config.seed).toBe(9)
    expect(json('mine', 'result.json').settings.seeds).toEqual([9])
    captured.stderr = ''
    expect(await main(['ablate', ...flags, '--name', 'x'.repeat(88), '--variants', 'both,no-length-penalty'])).toBe(2)
    expect(captured.stderr).toMatch(/x-no-length-penalty-s9: .*Choose a shorter one/)
    expect(existsSync(join(folder, `${'x'.repeat(88)}-both-s9`))).toBe(false)
  })

  it('trains what is missing, keeps what is there, and compares all on the same users', async () => {
    expect(await ablate('--variants', 'both'), captured.stderr).toBe(0)
    const kept = statSync(join(folder, 'abl-both-s1', 'summary.json')).mtimeMs
    captured.stderr = ''
    expect(await ablate('--variants', 'forward,both', '--seeds', '1,2'), captured.stderr).toBe(0)
    expect(captured.stderr).toContain('1/4 abl-both-s1: finished before')
    expect(statSync(join(folder, 'abl-both-s1', 'summary.json')).mtimeMs).toBe(kept)
    const result = evaluationResultSchema.parse(json('abl', 'result.json'))
    expect(result.kind).toBe('ablation')
    expect(JSON.stringify(result)).toContain('/log.jsonl"')
    for (const place of ['abl/result.json', 'abl-both-s1/config.json'])
      expect(readFileSync(join(folder, place), 'utf8')).not.toContain('secret')
    expect(result.settings.runs).toEqual(['abl-both-s1', 'abl-forward-s1', 'abl-both-s2', 'abl-forward-s2'])
    const [table] = result.tables
    expect(table.rows.map(({ condition, n }) => [condition, n])).toEqual([
      ['zero-shot', 5],
      ['both', 5],
      ['forward', 5],
      ['history', 5],
    ])
    expect(json('abl-forward-s2', 'config.json').config).toMatchObject({ seed: 2, reward: { backwardWeight: 0 } })
    const zeroShot = ['abl-both-s1', 'abl-forward-s2'].map((run) => json(run, 'summary.json').before)
    expect(zeroShot[1]).toEqual(zeroShot[0])
    expect(table.rows[0].values.forward).toEqual(zeroShot[0].forward)
    expect(captured.stdout).toMatch(/forward only − both directions/)

    captured.stderr = ''
    expect(await ablate('--variants', 'both', '--set', 'optim.learningRate=1e-4')).toBe(1)
    expect(captured.stderr).toMatch(
      /abl-both-s1 was started with other settings[\s\S]*optim\.learningRate: 0\.001 then, 0\.0001 now/,
    )
  })

  it('tests on the people of --test-logs', async () => {
    const testLog = join(folder, 'test.jsonl')
    writeFileSync(testLog, readFileSync(log, 'utf8').replaceAll('"user":"', '"user":"other-'))
    const own = ['--name', 'apart', '--steps', '1', '--variants', 'both', '--set', 'test.maxUsers=4']
    expect(await ablate(...own, '--test-logs', testLog), captured.stderr).toBe(0)
    const tested = readFileSync(join(folder, 'apart-both-s1', 'profiles.jsonl'), 'utf8')
      .trim()
      .split('\n')
    expect(tested.map((line) => JSON.parse(line).user)).toEqual(Array(4).fill(expect.stringMatching(/^other-person/)))
  })

  it('adds rewards of one’s own, and leaves them out in the variant of that name', async () => {
    const kind = join(folder, 'kind.mjs')
    writeFileSync(kind, 'export default ({ text }) => text.length / 100')
    const own = ['--name', 'own', '--steps', '1', '--add-reward', `${kind}=0.5`, '--variants', 'both,no-added']
    expect(await ablate(...own), captured.stderr).toBe(0)
    expect(json('own-both-s1', 'config.json').config.reward.added).toMatchObject([{ name: kind, weight: 0.5 }])
    expect(json('own-no-added-s1', 'config.json').config.reward.added).toBeUndefined()
    expect(readFileSync(join(folder, 'own-both-s1', 'rollouts.jsonl'), 'utf8')).toContain('"kind":')
    expect(readFileSync(join(folder, 'own-no-added-s1', 'rollouts.jsonl'), 'utf8')).not.toContain('"kind":')
    expect(captured.stdout).toMatch(/no added rewards − both directions/)
  })

  it.each<[string[], RegExp]>([
    [['--variants', 'both,sideways'], /not sideways/],
    [['--variants', ''], /Expected a list of both/],
    [['--seeds', '1,x'], /whole numbers separated by commas/],
    [['--set', 'reward.forwardWeight=0'], /reward\.forwardWeight is 0 in all variants/],
    [['--set', 'optim.lr=1'], /unknown key optim\.lr/],
  ])('refuses %j', async (flags, message) => {
    expect(await ablate(...flags)).toBe(2)
    expect(captured.stderr).toMatch(message)
  })
})
