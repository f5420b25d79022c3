// `bump evaluate groups`: means over the runs of a finished evaluation of profiles, without opening a model.
import { Command } from 'commander'
import { regroupProfiles } from '../evaluate/profiles/regroup.ts'
import { shownTable } from '../evaluate/profiles/table.ts'
import { collectGroups } from './shared/flag-values.ts'
import { resultTableText } from './shared/result-table.ts'
import { print } from './shared/terminal.ts'

const HELP = `
A group is a name and two or more runs, as the evaluation's users.jsonl calls their conditions (run, run2, run3 …) or by the
names of their folders. Each user's number is the mean over them, so differences stay paired by user. The groups replace
those that the evaluation has; result.json is written anew. No model is opened and nothing is judged.

Examples:
  bump evaluate groups runs/posts-1/evaluate/profiles --group posts=posts-1,posts-2,posts-3
  bump evaluate groups runs/a-1/evaluate/profiles --group a=run,run2 --group b=run3,run4
`

/** `bump evaluate groups`. */
export function evaluateGroupsCommand(): Command {
  return new Command('groups')
    .description('add means over runs, such as those of several seeds, to a finished evaluation of profiles')
    .argument('<folder>', 'folder of results of bump evaluate profiles')
    .requiredOption(
      '--group <name=runs>',
      'runs whose mean is a row, with commas between; may be repeated',
      collectGroups,
    )
    .addHelpText('after', HELP)
    .action((folder: string, { group }: { group: Record<string, string[]> }) => {
      const { tables, settings } = regroupProfiles(folder, group)
      const groups = Object.keys(settings.groups as object)
      print(`${tables.map((table) => resultTableText(shownTable(table, groups))).join('\n')}\n`)
    })
}
