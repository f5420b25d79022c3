// `npm run fuzz`: tries mutated inputs on everything in bump that reads what somebody else wrote.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seedFrom } from '../../src/util/random.ts'
import { hunt, newTally, Reader, save } from './hunt.ts'
import { TARGETS } from './targets/targets.ts'

const USAGE = `npm run fuzz -- [options]: mutates valid logs, models, templates and run folders and reads them

  --minutes N      over all targets (default 1)
  --seed N         (default 1)
  --target NAME    only this one: ${Object.keys(TARGETS).join(', ')}
  --out FOLDER     for the files of findings (default runs/fuzz)`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    out: { type: 'string', default: join('runs', 'fuzz') },
    help: { type: 'boolean', default: false },
  },
})
const targets = Object.keys(TARGETS).filter((name) => values.target === undefined || name === values.target)
if (values.help || targets.length === 0 || !(Number(values.minutes) > 0)) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}

/** Cases between two looks at the clock. */
const BATCH = 50
const rows: string[][] = []
mkdirSync(values.out, { recursive: true })
for (const target of targets) {
  const reader = new Reader()
  const tally = newTally()
  const end = Date.now() + (Number(values.minutes) * 60_000) / targets.length
  for (let round = 0; Date.now() < end; round++) {
    const before = tally.findings.length
    await hunt(target, seedFrom(Number(values.seed), target, round), BATCH, reader, tally)
    const finding = tally.findings[before]
    if (finding === undefined) continue
    const folder = join(values.out, `${target}-${before + 1}`)
    await save(finding, folder, reader)
    console.log(`${target}: ${finding.problem.split('\n', 3).join(' ')}\n  ${folder}`)
  }
  reader.close()
  const { cases, read, refused, findings, slowestSeconds, slowestBytes, peakMemory } = tally
  const slowest = `${slowestSeconds.toFixed(1)} s for ${(slowestBytes / 1000).toFixed(1)} kB`
  rows.push([
    target,
    ...[cases, read, refused, findings.length].map(String),
    slowest,
    `${Math.round(peakMemory / 2 ** 20)}`,
  ])
  console.log(`${target}: ${cases} cases, ${findings.length} findings`)
}
const HEAD = ['target', 'cases', 'read', 'refused', 'findings', 'slowest (CPU)', 'peak memory (MiB)']
for (const row of [HEAD, HEAD.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
process.exitCode = rows.some((row) => row[4] !== '0') ? 1 : 0
