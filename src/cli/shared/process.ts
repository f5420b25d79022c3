// The process of a command: its command line as typed, and Ctrl-C, which ends work cleanly once and at once twice.
import type { Command } from 'commander'
import { bareAddresses } from '../../util/address.ts'

/** `bump …`, with quotes around what a shell would take apart, and addresses without their secrets: it is recorded. */
export function commandLine(command: Command): string {
  let root = command
  while (root.parent) root = root.parent
  const quoted = (part: string): string => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`)
  return [root.name(), ...root.args.map((part) => quoted(bareAddresses(part)))].join(' ')
}

/** Exit code of a command that Ctrl-C ended, as shells have it. */
export const INTERRUPTED = 130

/** Runs `work` with a signal that the first Ctrl-C (or SIGTERM) aborts, after `say`; the second exits immediately. */
export async function interruptible<T>(say: () => void, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort()
    say()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
