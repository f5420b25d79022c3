// `npm run test:serve`: what `bump serve` promises, held to by processes, sockets, kills and both databases. It takes
// minutes, and is no part of `npm test`. docs/serve.md has its last figures.
import { parseArgs } from 'node:util'
import { postgresPrograms } from '../../src/logs/testing/postgres-server.ts'
import { type Check, Findings } from './check.ts'
import { contract } from './contract.ts'
import { canary, corrections } from './erasure.ts'
import { printFigures } from './figures.ts'
import { fsync } from './fsync.ts'
import { ingest } from './ingest.ts'
import { install } from './install.ts'
import { serverKills, workerDeath, workerKills } from './kills.ts'
import { load } from './load.ts'
import { KINDS, type Kind, Places } from './place.ts'
import { Running } from './service.ts'
import { servers, workers } from './shared.ts'
import { shutdown } from './shutdown.ts'
import { firstStart, upgrade } from './upgrade.ts'

const CHECKS: readonly Check[] = [
  ...[load, ingest, serverKills, workerKills, workerDeath, fsync, servers, workers],
  ...[contract, canary, corrections, shutdown, upgrade, firstStart, install],
]
const USAGE = `npm run test:serve -- [options]: what bump serve promises, on both databases

  --db KIND      sqlite, postgres, or both (default both)
  --only NAMES   some of the checks, by commas
  --quick        the same in a shorter form
  --figures MODEL  none of them: how fast it is, with this model as the generator

${CHECKS.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join('\n')}`

const { values } = parseArgs({
  options: {
    db: { type: 'string', default: 'both' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    figures: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
if (values.figures !== undefined) {
  await printFigures(values.figures)
  process.exit(0)
}
const names = values.only?.split(',')
const unknown = names?.find((name) => !CHECKS.some((check) => check.name === name))
if (unknown !== undefined || !['both', ...KINDS].includes(values.db)) {
  console.error(unknown === undefined ? `there is no --db ${values.db}` : `there is no check ${unknown}`)
  console.error(USAGE)
  process.exit(2)
}
const kinds = KINDS.filter((kind) => ['both', kind].includes(values.db))
let failures = 0
for (const kind of kinds) {
  if (kind === 'postgres' && postgresPrograms === undefined) {
    console.log('postgres: SKIPPED, nothing was tested: there is no Postgres on this machine')
    continue
  }
  const places = await Places.open(kind)
  try {
    for (const check of CHECKS)
      if ((names?.includes(check.name) ?? true) && !(check.once && kind !== kinds[0])) await one(check, kind, places)
  } finally {
    await places.close()
  }
}
console.log(failures === 0 ? 'all passed' : `${failures} FAILED`)
process.exit(failures === 0 ? 0 : 1)

async function one(check: Check, kind: Kind, places: Places): Promise<void> {
  const found = new Findings()
  const started = performance.now()
  try {
    await check.run(await places.fresh(), found, values.quick)
  } catch (error) {
    found.wrong.push(`it broke off: ${(error as Error).stack}`)
  } finally {
    await Running.killLeft()
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const figures = found.figures.map(([name, value]) => `${name} ${value}`).join('; ')
  console.log(`${check.name} on ${check.once ? 'this machine' : kind}, ${seconds} s: ${figures}`)
  for (const wrong of found.wrong.slice(0, 5)) console.log(`  FAILED: ${wrong}`)
  if (found.wrong.length > 0) failures++
}
