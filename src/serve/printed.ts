// What libraries print while `bump serve` runs goes to its log, whose lines are JSON: a model server that breaks off in the
// middle of an answer is printed by the HTTP library.
import type { Logger } from 'pino'

/** Of an error only name, code and message are noted. */
export function logPrinted(log: Logger): void {
  for (const level of ['info', 'warn', 'error'] as const)
    console[level] = (...said: unknown[]) =>
      log[level](
        { from: 'console' },
        said.map((each) => (each instanceof Error ? nameOf(each) : String(each))).join(' '),
      )
}

function nameOf(error: Error): string {
  const { code } = error as { code?: unknown }
  return [error.name, code, error.message].filter(Boolean).join(' ')
}
