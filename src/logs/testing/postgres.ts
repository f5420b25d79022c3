// A Postgres server for one test file, where its programs are installed: in the folder that BUMP_TEST_POSTGRES names, on
// the PATH, or where Debian has them.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'

const DEBIAN = '/usr/lib/postgresql'
const installed = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : []
const places = [process.env.BUMP_TEST_POSTGRES ?? '', ...(process.env.PATH ?? '').split(delimiter), ...installed]

/** The folder of Postgres' programs; undefined where there are none. */
export const postgresPrograms = places.find((place) => place !== '' && existsSync(join(place, 'initdb')))

/** The server's only user, with its password. */
export const PG_USER = { name: 'me', password: "p#w'/d?" }

/** Starts a server before the tests and stops it after them. Returns its address; `setup`: SQL that is run first. */
export function postgresServer(setup: string): () => { host: string; port: number } {
  // Postgres does not run as root.
  const id = process.getuid?.() === 0 ? Number(execFileSync('id', ['-u', 'nobody'])) : undefined
  const folder = mkdtempSync('/tmp/bump-postgres-')
  const data = join(folder, 'data')
  const program = (name: string) => join(postgresPrograms!, name)
  let port = 0
  let stop = async () => {}
  beforeAll(async () => {
    writeFileSync(join(folder, 'password'), PG_USER.password)
    if (id !== undefined) for (const path of [folder, join(folder, 'password')]) chownSync(path, id, id)
    const initial = ['-D', data, '-U', PG_USER.name, '-A', 'scram-sha-256', '--no-sync', '-E', 'UTF8', '--locale=C']
    execFileSync(program('initdb'), [...initial, `--pwfile=${join(folder, 'password')}`], { uid: id, gid: id })
    port = await freePort()
    const settings = ['listen_addresses=127.0.0.1', 'fsync=off', `unix_socket_directories=${folder}`]
    const flags = settings.flatMap((setting) => ['-c', setting])
    const server = spawn(program('postgres'), ['-D', data, '-p', String(port), ...flags], {
      uid: id,
      gid: id,
      stdio: 'ignore',
    })
    const ended = new Promise<void>((resolve) => server.on('exit', () => resolve()))
    stop = async () => {
      server.kill('SIGINT')
      await ended
    }
    await runOnceUp(
      { host: '127.0.0.1', port, user: PG_USER.name, password: PG_USER.password, database: 'postgres' },
      setup,
    )
  }, 60_000)
  afterAll(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return () => ({ host: '127.0.0.1', port })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

async function runOnceUp(config: pg.ClientConfig, sql: string): Promise<void> {
  for (;;) {
    const client = new pg.Client(config)
    try {
      await client.connect()
    } catch {
      await new Promise((later) => setTimeout(later, 50))
      continue
    }
    await client.query(sql)
    return await client.end()
  }
}
