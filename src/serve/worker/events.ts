// What a worker says, as lines for people and as messages for the server that started it.
import { intervalText } from '../../util/stats.ts'
import type { WorkerEvent } from './worker.ts'

/** One line of an event: counts and words, no ids and no texts. */
function eventLine(event: WorkerEvent): string {
  if (event.type === 'forgotten') return `deleted ${event.interactions} interactions that are older than is retained`
  if (event.type === 'trouble') return `the store cannot be asked, trying again: ${event.message}`
  if (event.type === 'not-compared')
    return `generator in project ${event.project}: it could not be compared and writes nothing there, trying again: ${event.message}`
  if (event.type === 'compared') {
    const { project, passed, users, difference } = event
    const found = difference
      ? `${intervalText(difference)} against what is served, ${users} users`
      : 'too few to compare'
    const then = passed ? 'it writes' : 'it writes nothing there, unless the setting gate.release is false'
    return `generator in project ${project}: ${found}; ${then}`
  }
  const { reason, result, rolledBack, difference, seconds, error } = event
  const parts = [
    `profile ${result}${reason === '' ? '' : ` (${reason})`}`,
    ...(difference === undefined
      ? []
      : [`${difference >= 0 ? '+' : ''}${difference.toFixed(3)} against the served one`]),
    ...(rolledBack ? ['the one before is served again'] : []),
    ...(error === undefined ? [] : [error]),
    `${seconds.toFixed(1)} s`,
  ]
  return parts.join(', ')
}

/** Sends an event to the process that started this one; where there is none, to `otherwise`. */
export function reportEvent(event: WorkerEvent, otherwise: (line: string) => void): void {
  if (process.connected) process.send?.(event)
  else otherwise(eventLine(event))
}
