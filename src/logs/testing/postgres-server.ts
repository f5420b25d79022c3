// A Postgres server of one's own, where its programs are installed: in the folder that BUMP_TEST_POSTGRES names, on the
// PATH, or where Debian has them.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import pg from 'pg'

const DEBIAN = '/usr/lib/postgresql'
const installed = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : []
const places = [process.env.BUMP_TEST_POSTGRES ?? '', ...(process.env.PATH ?? '').split(delimiter), ...installed]

/** The folder of Postgres' programs; undefined where there are none. */
export const postgresPrograms = places.find((place) => place !== '' && existsSync(join(place, 'initdb')))

/** The server's only user, with its password. */
export const PG_USER = { name: 'me', password: "p#w'/d?" }

export interface PostgresServer {
  host: string
  port: number
  /** Where its files are. */
  data: string
  pid: number
  /** Runs SQL in the database `postgres`. */
  query(sql: string): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts a server. `setup`: SQL that is run first. `fsync`: whether it waits for the disk, which tests need not. */
export async function startPostgres(setup: string, { fsync = false } = {}): Promise<PostgresServer> {
  const program = (name: string) => join(postgresPrograms!, name)
  const folder = mkdtempSync('/tmp/bump-postgres-')
  const data = join(folder, 'data')
  // Postgres does not run as root.
  const id = process.getuid?.() === 0 ? Number(execFileSync('id', ['-u', 'nobody'])) : undefined
  writeFileSync(join(folder, 'password'), PG_USER.password)
  if (id !== undefined) for (const path of [folder, join(folder, 'password')]) chownSync(path, id, id)
  const initial = ['-D', data, '-U', PG_USER.name, '-A', 'scram-sha-256', '--no-sync', '-E', 'UTF8', '--locale=C']
  execFileSync(program('initdb'), [...initial, `--pwfile=${join(folder, 'password')}`], { uid: id, gid: id })
  const [host, port] = ['127.0.0.1', await freePort()]
  const settings = [
    `listen_addresses=${host}`,
    `fsync=${fsync ? 'on' : 'off'}`,
    `unix_socket_directories=${folder}`,
  ].flatMap((setting) => ['-c', setting])
  const server = spawn(program('postgres'), ['-D', data, '-p', String(port), ...settings], {
    uid: id,
    gid: id,
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => server.on('exit', () => resolve()))
  const query = (sql: string) =>
    runOnceUp({ host, port, user: PG_USER.name, password: PG_USER.password, database: 'postgres' }, sql)
  await query(setup)
  return {
    ...{ host, port, data, pid: server.pid!, query },
    async stop() {
      server.kill('SIGINT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The address of one of its databases. */
export function postgresAddress({ host, port }: { host: string; port: number }, database: string): string {
  return `postgres://${PG_USER.name}:${encodeURIComponent(PG_USER.password)}@${host}:${port}/${database}`
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
