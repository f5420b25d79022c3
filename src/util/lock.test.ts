import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lockFolder, startOf } from './lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const dead = () => writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: null }))

it('gives the lock of a process that is gone to one of many that want it', async () => {
  dead()
  const lock = fileURLToPath(new URL('lock.ts', import.meta.url))
  const program = `
    import { existsSync } from 'node:fs'
    import { lockFolder, startOf } from ${JSON.stringify(lock)}
    const go = process.argv[1] + '.go'
    process.stdout.write('ready')
    while (!existsSync(go));
    try { lockFolder(process.argv[1], 'name'); console.log('taken'); setTimeout(() => process.exit(), 1500) }
    catch (error) { console.log(error.code) }`
  const outputs = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, folder])
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    const ended = new Promise<string>((done) => child.on('close', () => done(output.replace('ready', '').trim())))
    return { ended, ready: new Promise<void>((done) => child.stdout.once('data', () => done())) }
  })
  await Promise.all(outputs.map(({ ready }) => ready))
  writeFileSync(`${folder}.go`, '')
  const said = await Promise.all(outputs.map(({ ended }) => ended))
  rmSync(`${folder}.go`)
  expect(said.sort()).toEqual(['run-locked', 'run-locked', 'run-locked', 'taken'])
}, 60_000)

it('passes a guard that a killed process left behind', () => {
  dead()
  const guard = join(folder, 'lock.guard')
  mkdirSync(guard)
  utimesSync(guard, new Date(0), new Date(0))
  lockFolder(folder, 'name')()
  expect(existsSync(guard)).toBe(false)
})

it('takes over a lock that a process killed in the middle of writing it left behind', () => {
  const path = join(folder, 'lock')
  writeFileSync(path, '')
  utimesSync(path, new Date(0), new Date(0))
  const release = lockFolder(folder, 'name')
  expect(readFileSync(path, 'utf8')).toContain(`"pid":${process.pid}`)
  release()
})

it('waits for a lock that another process is writing', async () => {
  const path = join(folder, 'lock')
  writeFileSync(path, '')
  const writes = `setTimeout(() => require('node:fs').writeFileSync(process.argv[1], process.argv[2]), 200)`
  spawn(process.execPath, ['-e', writes, path, JSON.stringify({ pid: process.ppid, started: startOf(process.ppid) })])
  expect(() => lockFolder(folder, 'name')).toThrow(`in use by process ${process.ppid}`)
})

it.skipIf(process.platform !== 'linux')(
  'takes over the lock of a process that was killed and not yet reaped',
  async () => {
    // The shell becomes sleep, which never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
    const pid = await new Promise<number>((known) => parent.stdout.once('data', (text) => known(Number(text))))
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid, started: startOf(pid) }))
    expect(() => lockFolder(folder, 'name')).toThrow(/in use by process/)
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(startOf(pid)).toBeNull())
    lockFolder(folder, 'name')()
    parent.kill()
  },
)
