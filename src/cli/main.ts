// The command line: registers the commands, and turns every way a command can end into a message and an exit code.
import { Command, CommanderError } from 'commander'
import { packageInfo } from '../run/package-info.ts'
import '../lamp/log-format.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { ablateCommand } from './ablate.ts'
import { demoCommand } from './demo.ts'
import { evaluateCommand } from './evaluate.ts'
import { forgetCommand } from './forget.ts'
import { generateCommand } from './generate.ts'
import { judgeCommand } from './judge.ts'
import { logsCommand } from './logs.ts'
import { mcpCommand } from './mcp.ts'
import { profileCommand } from './profile.ts'
import { reportCommand } from './report.ts'
import { serveCommand } from './serve.ts'
import { sftCommand } from './sft.ts'
import { INTERRUPTED } from './shared/process.ts'
import { say, sayError } from './shared/terminal.ts'
import { trainCommand } from './train.ts'
import { workerCommand } from './worker.ts'

const HELP = `
Examples:
  bump demo
  bump logs inspect posts.jsonl
  bump judge check --logs posts.jsonl --judge-model ./SmolLM2-135M-Instruct
  bump train --logs posts.jsonl --model ./SmolLM2-135M-Instruct --name posts
  bump profile --run runs/posts --out profiles.jsonl
  head -20 one-user.txt | bump generate --run runs/posts

Every command explains itself: bump train --help
`

/**
 * Runs the command that `argv` (without node and script) names and returns its exit code: 0 done, 1 could not be done,
 * 2 called wrongly, 130 ended by Ctrl-C.
 */
export async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`bump … | head`) is no error.
  process.stdout.once('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  try {
    await program().parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    return report(error)
  }
}

function program(): Command {
  const { version } = packageInfo()
  const bump = new Command('bump')
    .description('Trains a user-profile generator from raw interaction logs, without labels.')
    .version(version)
    // bump serve has options and commands with some of the same names: what follows a command is that command's.
    .enablePositionalOptions()
    .addHelpText('after', HELP)
  for (const command of [
    demoCommand(),
    logsCommand(),
    judgeCommand(),
    trainCommand(),
    ablateCommand(),
    profileCommand(),
    generateCommand(),
    reportCommand(),
    forgetCommand(),
    sftCommand(),
    evaluateCommand(),
    workerCommand(),
    serveCommand(),
    mcpCommand(),
  ])
    bump.addCommand(command)
  settle(bump)
  return bump
}

/** No command ends the process by itself, and all of them point to their help. */
function settle(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(see --help)').allowExcessArguments(false)
  for (const inner of command.commands) settle(inner)
}

// What the system refuses is the user's to mend: no bug of bump.
const SYSTEM: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'exists already and is no folder',
  ENAMETOOLONG: 'the name is too long',
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof CancelledError) {
    say(error.message)
    return INTERRUPTED
  }
  if (error instanceof BumpError) {
    sayError(error.message)
    return error.code === 'invalid-options' ? 2 : 1
  }
  const { code, path, message, stack } = error as NodeJS.ErrnoException
  if (code !== undefined && Object.hasOwn(SYSTEM, code)) {
    sayError(`${path ?? 'a file'}: ${SYSTEM[code]} (${code})`)
    return 1
  }
  sayError(`${message ?? String(error)}\nThis is a bug in bump. Set BUMP_DEBUG=1 to see where it happened.`)
  if (process.env.BUMP_DEBUG === '1' && stack) say(stack)
  return 1
}
