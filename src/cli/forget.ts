// `bump forget`: takes people out of run folders.
import { Command } from 'commander'
import { forgetInRun, type RunForgetReceipt } from '../run/forget.ts'
import { print } from './shared/terminal.ts'

const HELP = `
Their lines go from rollouts.jsonl, profiles.jsonl and every other .jsonl of the folder, their ids from users.json, and
reports, which show profiles, as a whole. Without --yes it says what would go. The run is not gone on with afterwards:
its weights have learned from them. It can be used as it is until another one is trained.

Examples:
  bump forget --run runs/reviews --user u7
  bump forget --run runs/reviews runs/posts --user u7 u9 --yes
`

interface ForgetFlags {
  run: string[]
  user: string[]
  yes?: boolean
}

/** `bump forget`. */
export function forgetCommand(): Command {
  return new Command('forget')
    .description('take people out of run folders')
    .requiredOption('--run <folders...>', 'run folders')
    .requiredOption('--user <ids...>', 'ids of the people, as the logs have them')
    .option('--yes', 'erase; without it nothing is changed')
    .addHelpText('after', HELP)
    .action(forget)
}

function forget({ run: runs, user: users, yes = false }: ForgetFlags): void {
  for (const run of runs)
    for (const user of users) print(`${user}: ${linesOf(forgetInRun(run, user, { dryRun: !yes })).join('\n  ')}\n`)
}

function linesOf({ run, dryRun, files, left, beyond }: RunForgetReceipt): string[] {
  if (files.length === 0) return [`nothing in ${run}`]
  const amount = (count: number | null) => (count === null ? 'whole; bump report writes it anew' : `${count}`)
  return [
    dryRun ? `would go from ${run} (--yes erases it)` : `erased from ${run}`,
    ...files.map(({ file, count }) => `${file}: ${amount(count)}`),
    'not reached:',
    ...left.map((file) => `  ${file} names the person: remove it, or write it anew`),
    ...beyond.map((line) => `  ${line}`),
  ]
}
