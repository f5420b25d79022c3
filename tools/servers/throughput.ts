// How much of what a server can do the writing of profiles gets out of it: beside the server's own benchmark, with the
// same prompts, as many under way. Nothing else may run meanwhile.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { promptOf } from '../../src/generator/generate.ts'
import { openServedGenerator } from '../../src/generator/open-served.ts'
import type { ProfiledUser } from '../../src/generator/profile-users.ts'
import { profileWriter } from '../../src/generator/profile-writer.ts'
import { NANO_WORDING } from '../../src/generator/prompt.ts'
import type { Interaction } from '../../src/logs/types.ts'
import { estimatingTokenizer } from '../../src/model/openai/estimate.ts'
import { openOpenAi } from '../../src/model/openai/open.ts'
import { SERVED } from './install.ts'
import type { OpenAiServer } from './openai.ts'

const [USERS, TOKENS, ROUNDS] = [512, 56, 3]
const BENCH = fileURLToPath(new URL('vllm_bench.py', import.meta.url))
const LOG = new URL('../../assets/example/log.jsonl', import.meta.url)

/** Profiles a second of both, by turns. */
export async function throughput(server: OpenAiServer, folder: string, concurrency: number) {
  const users = people()
  const model = openOpenAi({ baseUrl: server.address, model: 'nano', concurrency })
  const { settings } = openServedGenerator(model, { prompt: NANO_WORDING, maxTokens: TOKENS })
  const prompts = users.map((user) => promptOf(user, estimatingTokenizer(), settings).messages.at(-1)!.content)
  const dataset = join(folder, 'prompts.jsonl')
  writeFileSync(dataset, prompts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join(''))
  const bump = async () => {
    const writer = profileWriter(model, settings)
    const started = performance.now()
    for (let at = 0; at < users.length; at += writer.usersAtOnce)
      await writer.write(users.slice(at, at + writer.usersAtOnce), {})
    return (1000 * users.length) / (performance.now() - started)
  }
  // What the server keeps of a prompt helps both alike from the second time on.
  await bump()
  const own: number[] = []
  const ours: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    own.push(await benchmark(server, folder, dataset, concurrency))
    ours.push(await bump())
  }
  return { own, ours }
}

/** Requests a second, as the server's own benchmark has them. */
async function benchmark(server: OpenAiServer, folder: string, dataset: string, concurrency: number): Promise<number> {
  const base = new URL(server.address).origin
  const args = [
    ...['--backend', 'openai-chat', '--base-url', base, '--endpoint', '/v1/chat/completions', '--model', 'nano'],
    ...['--tokenizer', SERVED, '--dataset-name', 'custom', '--dataset-path', dataset, '--disable-shuffle'],
    ...['--custom-output-len', String(TOKENS), '--num-prompts', String(USERS), '--temperature', '0'],
    ...['--max-concurrency', String(concurrency), '--save-result', '--result-dir', folder],
    ...['--result-filename', 'benchmark.json'],
  ]
  const env = { ...process.env, HF_HUB_OFFLINE: '1' }
  await promisify(execFile)(server.python, [BENCH, ...args], { cwd: server.folder, env, maxBuffer: 1 << 26 })
  const { completed, duration } = JSON.parse(readFileSync(join(folder, 'benchmark.json'), 'utf8'))
  if (completed !== USERS) throw new Error(`the benchmark completed ${completed} of ${USERS} requests`)
  return completed / duration
}

/** People of the bundled log, each several times with ever more of their history. */
function people(): ProfiledUser[] {
  const histories = new Map<string, Interaction[]>()
  for (const line of readFileSync(LOG, 'utf8').trim().split('\n')) {
    const { user, text } = JSON.parse(line) as { user: string; text: string }
    histories.set(user, [...(histories.get(user) ?? []), { text, time: undefined, metadata: {} }])
  }
  const parts = [4, 6, 8, 10].flatMap((length) =>
    [...histories].map(([id, history]) => ({ id: `${id}-${length}`, history: history.slice(0, length) })),
  )
  return parts.slice(0, USERS)
}
