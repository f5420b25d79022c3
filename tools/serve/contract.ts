// Schemathesis asks every operation of the OpenAPI document in thousands of ways, and holds each answer to the document.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { filled } from './filled.ts'
import { Running } from './service.ts'

const VERSION = '4.32.5'
/**
 * A request that fits its schema may be refused: an Idempotency-Key that comes again with another body is 422, an ETag
 * that is not the profile's is 412. A request without the ETag that it must name is 428 (RFC 6585). Nobody writes profiles here, so that nothing is waited for.
 */
const SETTINGS = `[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "429"]
[checks.missing_required_header]
expected-statuses = ["400", "401", "403", "406", "415", "422", "428"]
[[operations]]
include-name = "POST /v1/users/{user}/profile/refresh"
parameters = { wait = 0 }
`
const FOLDER = join(homedir(), '.cache', 'bump-acceptance', `schemathesis-${VERSION}`)

export const contract: Check = {
  name: 'contract',
  about: `schemathesis ${VERSION}, all of its checks, on every operation of the OpenAPI document`,
  async run({ db, folder }, found, quick) {
    if (!installed()) {
      found.figure('NOT RUN', `schemathesis ${VERSION} could not be installed: it takes Python 3.10 and its registry`)
      return
    }
    const { store, key } = await filled(db, { users: 5 })
    const service = await Running.serve(db)
    const settings = join(folder, 'schemathesis.toml')
    writeFileSync(settings, SETTINGS)
    // Revoking keys comes last and alone: it may revoke the very key that is used.
    for (const which of ['--exclude-path', '--include-path']) {
      const args = ['--config-file', settings, 'run', `${service.address}/openapi.json`, which, '/v1/keys/{id}']
      const many = ['--checks', 'all', '--max-examples', quick ? '5' : '200', '--no-color']
      const { status, stdout } = spawnSync(
        join(FOLDER, 'bin', 'schemathesis'),
        [...args, ...many, '-H', `Authorization: Bearer ${key}`],
        { encoding: 'utf8', maxBuffer: 1 << 28, cwd: folder },
      )
      found.figure('cases', /Test cases:\s*(.*)/.exec(stdout)?.[1] ?? 'none')
      found.holds(status === 0, `schemathesis found failures:\n${stdout.slice(stdout.indexOf('= FAILURES'))}`)
    }
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
