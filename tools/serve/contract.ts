// Schemathesis asks every operation of the OpenAPI document in thousands of ways, and holds each answer to the document.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { filled } from './filled.ts'
import { Running } from './service.ts'

const VERSION = '4.32.5'
const FOLDER = join(homedir(), '.cache', 'bump-acceptance', `schemathesis-${VERSION}`)

export const contract: Check = {
  name: 'contract',
  about: `schemathesis ${VERSION}, all of its checks, on every operation of the OpenAPI document`,
  async run({ db }, found, quick) {
    if (!installed()) {
      found.figure('NOT RUN', `schemathesis ${VERSION} could not be installed: it takes Python 3.10 and its registry`)
      return
    }
    const { store, key } = await filled(db, { users: 5 })
    const service = await Running.serve(db)
    const args = ['run', `${service.address}/openapi.json`, '-H', `Authorization: Bearer ${key}`]
    const many = ['--checks', 'all', '--max-examples', quick ? '5' : '200', '--no-color']
    const { status, stdout } = spawnSync(join(FOLDER, 'bin', 'schemathesis'), [...args, ...many], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      cwd: FOLDER,
    })
    const counted = /^ *(\d+ generated.*|Test cases:\n.*)$/m.exec(stdout)?.[1]
    if (counted !== undefined) found.figure('cases', counted.trim().replace(/\s+/g, ' '))
    found.holds(status === 0, `schemathesis found failures:\n${stdout.slice(stdout.indexOf('= FAILURES'))}`)
    await service.end()
    await store.close()
  },
}

/** Whether it is there, after it was put into an environment of its own, outside the repository. */
function installed(): boolean {
  if (existsSync(join(FOLDER, 'bin', 'schemathesis'))) return true
  mkdirSync(FOLDER, { recursive: true })
  const run = (program: string, ...args: string[]) => spawnSync(program, args, { stdio: 'inherit' }).status === 0
  return (
    run('python3', '-m', 'venv', FOLDER) && run(join(FOLDER, 'bin', 'pip'), 'install', '-q', `schemathesis==${VERSION}`)
  )
}
