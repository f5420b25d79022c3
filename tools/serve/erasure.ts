// What is forgotten is in no answer, no row and no byte; what is corrected stays so, however often a profile is written.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { type Generator, openGenerator } from '../../src/generator/open.ts'
import { NANO_WORDING } from '../../src/generator/prompt.ts'
import { workerJudge } from '../../src/serve/worker/judge.ts'
import { runWorker } from '../../src/serve/worker/worker.ts'
import { contentWords } from '../../src/store/deny.ts'
import { addInteractions } from '../../src/store/interactions.ts'
import type { Check } from './check.ts'
import { filled, SCOPE, userOf } from './filled.ts'
import type { Place } from './place.ts'
import { client, Running } from './service.ts'

const CANARY = 'Xylophone-7Q'
const USER = `/v1/users/${userOf(0)}`

const nano = (temperature: number) =>
  openGenerator(
    { model: fileURLToPath(new URL('../../assets/nano', import.meta.url)) },
    { prompt: NANO_WORDING, maxTokens: 56, temperature, threads: 1 },
  )

export const canary: Check = {
  name: 'canary',
  about: 'an interaction whose word a profile repeats is deleted: the word is in no answer, no row and no byte',
  async run(place, found) {
    const { store, key } = await filled(place.db, { users: 1 })
    const text = `Plays the ${CANARY} every day.`
    await addInteractions(store, SCOPE, [
      { user: userOf(0), id: CANARY, time: 9000, text, metadata: { instrument: CANARY } },
    ])
    const service = await Running.serve(place.db)
    const call = client(service.address, key)
    const generator = await nano(0)
    // The writer copies the word, as a model may.
    const copying: Generator = Object.create(generator, {
      model: {
        value: Object.create(generator.model, {
          sample: {
            value: async (requests: unknown[]) =>
              requests.map(() => [
                { tokens: generator.model.tokenizer.encode(text), logprobs: new Float32Array(), stopReason: 'stop' },
              ]),
          },
        }),
      },
    })
    const { judge, close } = await workerJudge(generator, undefined, {})
    await runWorker({ store, generator: copying, judge, once: true })
    await call('POST', '/v1/interactions', { interactions: [{ user: userOf(0), id: CANARY, time: 9000, text }] })
    const said = async () => {
      const pages = ['profile', 'profile/versions', 'profile/versions/1', 'profile/sources?version=1', 'interactions']
      const others = ['corrections', 'export', ''].concat(pages).map((page) => `${USER}/${page}`.replace(/\/$/, ''))
      const paths = [...others, '/v1/users', '/v1/audit', '/v1/queue']
      return (await Promise.all(paths.map((path) => call('GET', path)))).map(({ text }) => text).join('\n')
    }
    found.holds((await call('GET', `${USER}/profile`)).text.includes(CANARY), 'the writer did not copy the word')
    found.holds((await bytesWith(place)).length > 0, 'the word was in no file before')
    const gone = await call('DELETE', `${USER}/interactions/${CANARY}`)
    found.holds(gone.status === 200, `the deletion was answered by ${gone.status}`)
    found.holds(!(await said()).includes(CANARY), 'the word is in an answer')
    const tables = ['person', 'interaction', 'profile', 'profile_source', 'correction', 'audit', 'idempotency'] as const
    for (const table of tables) {
      const rows = await sql`select * from ${sql.table(table)}`.execute(store.db.withoutPlugins())
      found.holds(!JSON.stringify(rows).includes(CANARY), `the word is in a row of ${table}`)
    }
    const { server } = place
    if (server === undefined) {
      const files = await bytesWith(place)
      found.figure('files with the word', files.length)
      found.holds(files.length === 0, `the word is in ${files}`)
    } else {
      const tell = async (when: string) => found.figure(`files with the word ${when}`, await filesOf(place))
      await tell('at once')
      await sql`vacuum`.execute(store.db.withoutPlugins())
      await server.query('CHECKPOINT')
      await tell('after VACUUM')
      await sql`vacuum full`.execute(store.db.withoutPlugins())
      await server.query('CHECKPOINT')
      await tell('after VACUUM FULL')
      const left = (await bytesWith(place)).filter((file) => !file.startsWith('pg_wal/'))
      found.holds(left.length === 0, `the word is in ${left} after VACUUM FULL`)
    }
    await close()
    await generator.close()
    await service.end()
    await store.close()
  },
}

/** Files of the database with the word in them, as paths in its folder. */
async function bytesWith({ db, server }: Place): Promise<string[]> {
  const folder = server?.data ?? dirname(db)
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(CANARY))
    .map((path) => path.slice(folder.length + 1))
}

/** How many files of Postgres have the word, by folder. */
async function filesOf(place: Place): Promise<string> {
  const files = await bytesWith(place)
  const of = (folder: string) => files.filter((file) => file.startsWith(`${folder}/`)).length
  return `tables ${of('base')}, journal ${of('pg_wal')}`
}

export const corrections: Check = {
  name: 'corrections',
  about: 'twenty refreshes with other seeds: what was stated stands, what was denied and left out never comes back',
  async run({ db }, found, quick) {
    const { store, key } = await filled(db, { users: 1, interactions: 12 })
    const service = await Running.serve(db)
    const call = client(service.address, key)
    const generator = await nano(0.8)
    const { judge, close } = await workerJudge(generator, undefined, {})
    const write = (seed: number) =>
      runWorker({
        ...{ store, judge, once: true },
        generator: Object.create(generator, { settings: { value: { ...generator.settings, seed } } }),
      })
    await write(0)
    const first = (await call('GET', `${USER}/profile?format=text`)).text
    const stated = 'I keep three hedgehogs.'
    const denied = contentWords(first)[0]
    const excluded = ['i11', 'i12']
    for (const correction of [
      { kind: 'state', text: stated },
      { kind: 'deny', text: denied },
      { kind: 'exclude', interactions: excluded },
    ]) {
      const { status } = await call('POST', `${USER}/corrections`, correction)
      found.holds(status === 200, `a correction was answered by ${status}`)
    }
    const refreshes = quick ? 4 : 20
    const texts = new Set<string>()
    for (let seed = 1; seed <= refreshes; seed++) {
      await call('POST', `${USER}/profile/refresh`)
      await write(seed)
      const { text } = await call('GET', `${USER}/profile?format=text`)
      texts.add(text)
      found.holds(text.includes(stated), `refresh ${seed} lost what was stated: ${text}`)
      found.holds(!contentWords(text).includes(denied), `refresh ${seed} says what was denied: ${text}`)
    }
    const sources = await store.db
      .selectFrom('profile_source')
      .select('interaction')
      .where('project', '=', SCOPE.project)
      .where('version', '>', 1)
      .execute()
    found.figure('refreshes', refreshes)
    found.figure('different texts', texts.size)
    found.holds(texts.size > 1, 'all seeds gave the same text, which shows little')
    found.holds(sources.length > 0, 'no version has sources')
    const seen = sources.filter(({ interaction }) => excluded.includes(interaction))
    found.holds(seen.length === 0, `${seen.length} times the writer saw what was left out`)
    await close()
    await generator.close()
    await service.end()
    await store.close()
  },
}
