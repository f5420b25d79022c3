// Whether a run may go on: with the configuration, model and data that it was started with, and no other.
import { BumpError } from '../util/errors.ts'
import type { RunHeader } from './format.ts'
import { commandOf } from './read.ts'

/** Throws BumpError that names every difference between what a run was started with and what it is to go on with. */
export function refuseChanges(path: string, stored: RunHeader, now: RunHeader): void {
  if (stored.kind !== now.kind)
    throw new BumpError('run-unusable', `${path} is a run of ${commandOf(stored)}. Give this one another name.`)
  const changed = (['config', 'model', 'judge', 'testJudges', 'embedder', 'reward', 'data'] as const).flatMap((part) =>
    differences(part === 'config' ? [] : [part], stored[part], now[part]),
  )
  if (changed.length === 0) return
  throw new BumpError(
    'run-unusable',
    `${path} was started with other settings than these, so it cannot go on:\n${changed.join('\n')}\nResume with what it was started with, or start another run under another name.`,
  )
}

/** Lines for every leaf in which two JSON values differ. */
function differences(path: readonly string[], stored: unknown, now: unknown): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (isObject(stored) && isObject(now)) {
    const keys = new Set([...Object.keys(stored), ...Object.keys(now)])
    return [...keys].flatMap((key) => differences([...path, key], stored[key], now[key]))
  }
  const show = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value))
  return show(stored) === show(now) ? [] : [`  ${path.join('.')}: ${show(stored)} then, ${show(now)} now`]
}
