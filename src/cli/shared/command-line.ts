// The command line of a command as its user typed it, for the record of a result.
import type { Command } from 'commander'

/** `bump …`, with quotes around what a shell would take apart. */
export function commandLine(command: Command): string {
  let root = command
  while (root.parent) root = root.parent
  const quoted = (part: string): string => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`)
  return [root.name(), ...root.args.map(quoted)].join(' ')
}
