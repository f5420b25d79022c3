// `bump serve keys`: keys of a store, made on the machine that holds it.
import { Command, Option } from 'commander'
import type { Role } from '../store/keys.ts'
import type { Store } from '../store/open.ts'
import { BumpError } from '../util/errors.ts'
import { positiveInteger } from './shared/flag-values.ts'
import { print, say } from './shared/terminal.ts'

interface KeysFlags {
  db: string
  project: string
}

interface CreateFlags extends KeysFlags {
  role: Role
  user?: string
  days?: number
}

const HELP = `
A key is shown once. Roles: ingest stores interactions; read reads profiles; write does both, corrects, refreshes,
erases and exports; admin also makes keys and sees the audit; root makes projects and sees nothing of them.

Examples:
  bump serve keys create --db bump.sqlite --role admin
  bump serve keys create --db bump.sqlite --role read --user u7 --days 30
  bump serve keys list --db bump.sqlite
  bump serve keys revoke --db bump.sqlite aB3dE5fG7h
`

/** `bump serve keys create`, `list` and `revoke`. */
export function serveKeysCommand(): Command {
  const command = (name: string, description: string) =>
    new Command(name)
      .description(description)
      .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
      .option('--project <id>', 'project of the keys', 'default')
      .addHelpText('after', HELP)
  return new Command('keys')
    .description('make, list and revoke the keys of a project')
    .addHelpText('after', HELP)
    .addCommand(
      command('create', 'make a key and print it; the project is made where there is none')
        .addOption(
          new Option('--role <role>', 'what it may do')
            .choices(['ingest', 'read', 'write', 'admin', 'root'])
            .makeOptionMandatory(),
        )
        .option('--user <id>', 'the one user that it is for')
        .option('--days <count>', 'days until it expires (default: never)', positiveInteger)
        .action(create),
    )
    .addCommand(command('list', 'print the keys, without what they are made of').action(list))
    .addCommand(command('revoke', 'end a key at once').argument('<id>', 'id of the key').action(revoke))
}

async function create({ db, project, role, user, days }: CreateFlags): Promise<void> {
  if (role === 'root' && (user !== undefined || days !== undefined))
    throw new BumpError('invalid-options', '--role root takes no --user and no --days')
  await withStore(db, async (store) => {
    const { createKey, createRootKey } = await import('../store/keys.ts')
    const { ensureProject } = await import('../store/projects.ts')
    if (role === 'root') return print(`${await createRootKey(store)}\n`)
    await ensureProject(store, project)
    const expiresAt = days === undefined ? undefined : Date.now() + days * 86_400_000
    const { key, info } = await createKey(store, { project, actor: 'cli' }, { role, user, expiresAt })
    print(`${key}\n`)
    say(
      `key ${info.id} of project ${project}, ${role}${user === undefined ? '' : ` of ${user}`}; it is not shown again`,
    )
  })
}

async function list({ db, project }: KeysFlags): Promise<void> {
  await withStore(db, async (store) => {
    const { listKeys } = await import('../store/keys.ts')
    const day = (time: number | undefined) => (time === undefined ? 'never' : new Date(time).toISOString().slice(0, 10))
    for (const { id, role, user, createdAt, expiresAt, revokedAt, lastUsedAt } of await listKeys(store, {
      project,
      actor: 'cli',
    })) {
      const ends = revokedAt === undefined ? `expires ${day(expiresAt)}` : `revoked ${day(revokedAt)}`
      print(
        `${id}  ${role}${user === undefined ? '' : ` of ${user}`}  made ${day(createdAt)}, ${ends}, used ${day(lastUsedAt)}\n`,
      )
    }
  })
}

async function revoke(id: string, { db, project }: KeysFlags): Promise<void> {
  await withStore(db, async (store) => {
    const { revokeKey } = await import('../store/keys.ts')
    await revokeKey(store, { project, actor: 'cli' }, id)
    say(`key ${id} is revoked`)
  })
}

async function withStore(db: string, work: (store: Store) => Promise<void>): Promise<void> {
  const { openStore } = await import('../store/open.ts')
  const store = await openStore(db)
  try {
    await work(store)
  } finally {
    await store.close()
  }
}
