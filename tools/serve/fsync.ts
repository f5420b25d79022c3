// What was acknowledged is on the disk: at least one fsync for each acknowledged request.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { filled, textOf } from './filled.ts'
import { client, pause, Running, until } from './service.ts'

const REQUESTS = 200
const places = (process.env.PATH ?? '').split(':').map((place) => join(place, 'strace'))

export const fsync: Check = {
  name: 'fsync',
  about: `${REQUESTS} acknowledged requests one after the other: at least as many fsyncs, by strace`,
  async run({ db, folder, server }, found) {
    const strace = places.find((path) => existsSync(path))
    if (strace === undefined) {
      found.figure('NOT MEASURED', 'there is no strace on this machine')
      return
    }
    const { store, key } = await filled(db)
    const trace = join(folder, 'trace.txt')
    // SQLite is written by the server's process, Postgres by one that it starts for each connection: it is followed
    // from its parent, so the connections are made afterwards.
    let service = server === undefined ? await Running.serve(db) : undefined
    const pid = server?.pid ?? service!.child.pid!
    const tracer = spawn(strace, ['-f', '-e', 'trace=fsync,fdatasync', '-o', trace, '-p', String(pid)])
    let told = ''
    tracer.stderr.on('data', (bytes) => {
      told += bytes
    })
    await until(() => /attached/.test(told))
    service ??= await Running.serve(db)
    const call = client(service.address, key)
    const count = () => (readFileSync(trace, 'utf8').match(/f(data)?sync\(/g) ?? []).length
    const before = count()
    for (let n = 0; n < REQUESTS; n++) {
      const interactions = [{ user: 'u', id: `e${n}`, time: 1000 + n, text: textOf(n) }]
      const { status } = await call('POST', '/v1/interactions', { interactions })
      found.holds(status === 200, `a request was answered by ${status}`)
    }
    await pause(500)
    const counted = count() - before
    tracer.kill('SIGINT')
    await new Promise((resolve) => tracer.once('exit', resolve))
    found.figure('requests', REQUESTS)
    found.figure('fsyncs', counted)
    found.holds(counted >= REQUESTS, `${counted} fsyncs for ${REQUESTS} acknowledged requests`)
    await service.end()
    await store.close()
  },
}
