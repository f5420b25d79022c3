// Fails on a source file of more than 400 lines (part of `npm run check`). Data tables in assets/ and golden/ do not count.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const LONGEST = 400
const tracked = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx', '*.mjs', '*.js'],
  {
    encoding: 'utf8',
  },
)
const long = tracked
  .split('\n')
  .filter((path) => path !== '' && existsSync(path))
  .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
  .filter(({ lines }) => lines > LONGEST)
for (const { path, lines } of long) console.error(`${path} has ${lines} lines, more than ${LONGEST}: split it.`)
process.exitCode = long.length === 0 ? 0 : 1
