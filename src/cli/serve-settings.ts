// `bump serve settings`: the settings of a project, read and changed on the machine that holds the store.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { BumpError } from '../util/errors.ts'
import { print } from './shared/terminal.ts'

const HELP = `
Prints the settings of a project, with all defaults: when profiles are refreshed, how the gate judges them, how long
interactions are kept, what no profile may say. --set takes a JSON file with those that differ, in place of all before.

Examples:
  bump serve settings --db bump.sqlite
  bump serve settings --db bump.sqlite --project shop --set settings.json
`

/** `bump serve settings`. */
export function serveSettingsCommand(): Command {
  return new Command('settings')
    .description('print or change the settings of a project')
    .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--project <id>', 'the project', 'default')
    .option('--set <file>', 'JSON file of the settings that differ from the defaults')
    .addHelpText('after', HELP)
    .action(settings)
}

async function settings({ db, project, set }: { db: string; project: string; set?: string }): Promise<void> {
  const given = set === undefined ? undefined : jsonOf(set)
  const [{ openStore }, { changeSettings, readProject }] = await Promise.all([
    import('../store/open.ts'),
    import('../store/projects.ts'),
  ])
  const store = await openStore(db)
  try {
    const scope = { project, actor: 'cli' }
    const { settings } =
      given === undefined ? await readProject(store, scope) : await changeSettings(store, scope, given)
    print(`${JSON.stringify(settings, null, 2)}\n`)
  } finally {
    await store.close()
  }
}

function jsonOf(file: string): object {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new BumpError('file-unusable', `--set: ${file} is no readable JSON file: ${(error as Error).message}`)
  }
}
