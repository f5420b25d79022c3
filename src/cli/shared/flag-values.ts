// Values of flags, checked when they are read.
import { InvalidArgumentError } from 'commander'
import { LAMP_TASKS, type LampTaskNumber } from '../../lamp/types.ts'
import type { Shard } from '../../logs/shards.ts'

/** A flag that may be repeated. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

/** A flag `name=value` that may be repeated. Names that are given twice are refused. */
export function collectNamed(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('Expected <name>=<value>.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is given twice.`)
  return { ...before, [name]: text.slice(at + 1) }
}

/** A flag `name=a,b` that may be repeated. Names that are given twice are refused. */
export function collectGroups(text: string, before: Record<string, string[]> = {}): Record<string, string[]> {
  const [[name, members]] = Object.entries(collectNamed(text))
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is given twice.`)
  return { ...before, [name]: members.split(',').map((member) => member.trim()) }
}

/** A whole number above 0. */
export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number above 0.')
  return value
}

/** A whole number, 0 or above. */
export function naturalNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number, 0 or above.')
  return value
}

/** Bytes of a size such as 3GB, 1.5G or 800MB. */
export function memorySize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([GM])i?B?$/i.exec(text.trim())
  if (!match || Number(match[1]) === 0) throw new InvalidArgumentError('Expected a size such as 3GB or 800MB.')
  return Number(match[1]) * (match[2].toUpperCase() === 'G' ? 1e9 : 1e6)
}

/** A temperature: 0 is greedy. */
export function temperatureValue(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 5))
    throw new InvalidArgumentError('Expected a number from 0 to 5.')
  return value
}

/** A task of LaMP. */
export function taskNumber(text: string): LampTaskNumber {
  const found = LAMP_TASKS.find((task) => String(task) === text)
  if (found === undefined) throw new InvalidArgumentError(`Tasks are ${LAMP_TASKS.join(', ')}.`)
  return found
}

/** A part of the users such as 3/16. */
export function shardValue(text: string): Shard {
  const [index, of] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(text) ?? []).slice(1).map(Number)
  if (!(index <= of) || of > 100_000)
    throw new InvalidArgumentError('Expected <n>/<shards> from 1/<shards> on, such as 3/16.')
  return { index, of }
}
