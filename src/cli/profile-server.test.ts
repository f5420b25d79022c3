// `bump profile --server`: a model on a server writes the profiles.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openServedGenerator } from '../generator/open-served.ts'
import { closeServers, refuse, say, serving } from '../model/openai/testing/fake-server.ts'
import { trainConfigSchema } from '../train/config.ts'
import { main } from './main.ts'
import { capturedOutput } from './testing/captured.ts'

const output = capturedOutput()
afterAll(closeServers)
const folder = mkdtempSync(join(tmpdir(), 'bump-profile-server-'))
const logs = join(folder, 'log.jsonl')
const example = readFileSync(new URL('../../assets/example/log.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const users = [...new Set(example.map((line) => JSON.parse(line).user as string))].slice(0, 24)
writeFileSync(logs, example.filter((line) => users.includes(JSON.parse(line).user)).join('\n'))
const USERS = users.length

/** Answers with the last line that the prompt lists. */
const about = ({ body }: { body: { messages: { content: string }[] } }) =>
  `likes ${body.messages.at(-1)!.content.match(/- .*/g)?.at(-1)?.slice(2)}`

describe('bump profile --server', () => {
  it.each(['profiles.jsonl', 'profiles/'])('writes %s, and asks nothing twice', async (out) => {
    const { baseUrl, requests } = await serving((received, response) => say(response, about(received)))
    const flags = ['--server', baseUrl, '--server-model', 'm', '--server-price', '1,2', '--logs', logs]
    const write = (...more: string[]) => main(['profile', ...flags, '--out', join(folder, out), ...more])
    expect(await write()).toBe(0)
    expect(requests).toHaveLength(USERS)
    expect(requests[0].body).toMatchObject({ model: 'm', temperature: 0, max_tokens: 96 })
    const profiles = linesOf(join(folder, out))
    expect(new Set(profiles.map(({ user }) => user)).size).toBe(USERS)
    expect(profiles.every(({ profile, tokens }) => profile.startsWith('likes ') && tokens > 1)).toBe(true)
    expect(output.stderr).toMatch(/24 answers/)
    expect(await write()).toBe(0)
    expect(requests).toHaveLength(USERS)
    expect(await write('--max-tokens', '10')).toBe(0)
    expect(requests).toHaveLength(2 * USERS)
  })

  it('keeps what there is of users whom the server refuses, says so, and asks for them again', async () => {
    let refusing = false
    const { baseUrl, requests } = await serving((received, response, number) => {
      const unlucky = refusing && /Tried/.test(about(received))
      if (unlucky) refuse(400, { message: 'filtered', code: 'content_filter' })(received, response, number)
      else say(response, about(received))
    })
    const write = (out: string, tokens: number) =>
      main([
        ...['profile', '--server', baseUrl, '--server-model', 'm', '--logs', logs, '--max-tokens', String(tokens)],
        ...['--out', join(folder, out)],
      ])
    for (const out of ['refused.jsonl', 'refused/']) {
      refusing = false
      expect(await write(out, 20)).toBe(0)
      const before = new Map(
        linesOf(join(folder, out)).map(({ user, profile, generator }) => [user, { profile, generator }]),
      )
      refusing = true
      expect(await write(out, 30)).toBe(0)
      const after = linesOf(join(folder, out))
      expect(after).toHaveLength(USERS)
      const old = after.filter(({ user, generator }) => before.get(user)!.generator === generator)
      expect(old.length).toBeGreaterThan(0)
      expect(old.length).toBeLessThan(USERS)
      expect(output.stderr).toMatch(new RegExp(`no profile of ${old.length} users .*filtered.*asks again`))
      refusing = false
      const asked = requests.length
      expect(await write(out, 30)).toBe(0)
      expect(requests.length - asked).toBe(old.length)
    }
  })

  it('asks as a run does, with --run', async () => {
    const run = join(folder, 'run')
    const prompt = { system: 'the system of the run', instruction: 'the instruction of the run' }
    const config = trainConfigSchema.parse({
      ...{ name: 'run', model: 'm', quantize: 'none', prompt, profile: { maxTokens: 33 } },
      logs: { paths: [logs], user: 'user', time: 'time', text: 'text' },
    })
    mkdirSync(run)
    const header = { config, package: { name: 'bump', version: '0' }, model: { digest: 'd' }, data: {} }
    writeFileSync(join(run, 'config.json'), JSON.stringify(header))
    const { baseUrl, requests } = await serving((received, response) => say(response, about(received)))
    const more = ['--server', baseUrl, '--server-model', 'posts', '--out', join(folder, 'of-run.jsonl')]
    expect(await main(['profile', '--run', run, ...more])).toBe(0)
    expect(requests).toHaveLength(USERS)
    const { messages, max_tokens } = requests[0].body
    expect(messages[0]).toEqual({ role: 'system', content: prompt.system })
    expect(messages[1].content).toContain(prompt.instruction)
    expect(max_tokens).toBe(33)
  })

  it.each([
    ['a model of this machine', ['--model', 'm'], /--model is a model on this machine/],
    ['integers', ['--quantize', 'int8'], /--quantize is of models on this machine/],
  ])('refuses %s beside it', async (_, flags, message) => {
    const server = ['--server', 'http://localhost:1/v1', '--server-model', 'm']
    expect(await main(['profile', ...server, ...flags, '--logs', logs, '--out', join(folder, 'no')])).toBe(2)
    expect(output.stderr).toMatch(message)
  })
})

it('openServedGenerator writes by any text model, and tells generators apart', async () => {
  const { model } = await serving((received, response) => say(response, about(received)))
  const generator = openServedGenerator(model, { maxTokens: 40 })
  const { profile, shown, generator: digest } = await generator.write(['how I pruned my roses', 'beans on a trellis'])
  expect([profile, shown, digest]).toEqual(['likes beans on a trellis', [0, 1], generator.digest])
  expect(openServedGenerator(model, { maxTokens: 41 }).digest).not.toBe(digest)
  expect(() => openServedGenerator(model, { maxTokens: 0 })).toThrow('maxTokens')
  await generator.close()
})

interface Line {
  user: string
  profile: string
  generator: string
  tokens: number
}

/** The lines of a file, or of all parts of a folder with one shard. */
function linesOf(out: string): Line[] {
  const shard = join(out, 'shard-1-of-1')
  const files = out.endsWith('.jsonl')
    ? [out]
    : (JSON.parse(readFileSync(join(shard, 'manifest.json'), 'utf8')).parts as { file: string }[]).map(({ file }) =>
        join(shard, file),
      )
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line),
  )
}
