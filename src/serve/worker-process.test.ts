// The worker of a server dies, and its users wait for no lease.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it } from 'vitest'
import { openStore } from '../store/open.ts'
import { requestRefresh } from '../store/persons.ts'
import { claimDue, listQueue } from '../store/queue.ts'
import { newProject, withUser } from '../store/testing/stores.ts'
import { startServer } from './server.ts'

/** Ready as the worker "first", it dies; started again it stays, as "second". */
const PROGRAM = `
import { existsSync, writeFileSync } from 'node:fs'
const [, , before] = process.argv
const again = existsSync(before)
process.send({ type: 'ready', worker: again ? 'second' : 'first' }, () => {
  if (!again) {
    writeFileSync(before, '')
    process.kill(process.pid, 'SIGKILL')
  }
})
if (again) writeFileSync(before, String(process.pid))
process.on('SIGTERM', () => process.exit())
setInterval(() => {}, 1000)
`

it('gives back what its worker was at that died, and starts it again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-worker-'))
  const store = await openStore(join(folder, 'store.sqlite'))
  const project = await newProject(store)
  const workers = ['first', 'elsewhere']
  for (const worker of workers) {
    await requestRefresh(store, await withUser(store, project, `of ${worker}`, 1))
    expect(await claimDue(store, { worker, limit: 1 })).toHaveLength(1)
  }
  const program = join(folder, 'worker.mjs')
  writeFileSync(program, PROGRAM)
  const before = join(folder, 'before')
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const worker = { program, args: [before] }
  const server = await startServer({ store, log, port: 0, worker })
  const claimed = async () =>
    (await listQueue(store, project, { limit: 9 })).flatMap(({ user, claimed }) => (claimed ? [user] : []))
  await expect.poll(claimed, { timeout: 20_000 }).toEqual(['of elsewhere'])
  expect(lines.join('')).toContain('"signal":"SIGKILL"')
  // It stands behind the API, also where each process with a group of its own has a share of its own.
  const pid = () => Number(readFileSync(before, 'utf8'))
  await expect.poll(pid, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(getPriority(pid())).toBe(10)
  const autogroup = `/proc/${pid()}/autogroup`
  const said = existsSync(autogroup) ? readFileSync(autogroup, 'utf8') : ''
  if (said !== '') expect(said).toMatch(/ nice 10$/m)
  await server.stop()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})
