// Profiles an hour as `bump profile` writes them into a folder: users of similar prompts together, one profile each.
import type { Device } from '../../src/engine/runtime/device.ts'
import { named, never, openBench, type Row, tokens } from './case.ts'
import type { Shape } from './shape.ts'
import { medianSeconds } from './timing.ts'

/** Users of one call of the writer, and those who decode together (src/generator/profile-writer.ts). */
const [USERS, BATCH] = [128, 32]
const [SHORTEST, LONGEST, PROFILE] = [80, 400, 64]

/** Beside them the same users as they come, in batches of that size and of 16, as they are written into one file. */
export async function profiles(shape: Shape, quantize: 'none' | 'int8', device: Device): Promise<Row[]> {
  const engine = await openBench(shape, { quantize, device })
  // Lengths spread evenly, in an order without a pattern: 61 and the number of users have no common divisor.
  const lengthOf = (i: number) => SHORTEST + Math.round(((LONGEST - SHORTEST) * ((i * 61) % USERS)) / (USERS - 1))
  const users = Array.from({ length: USERS }, (_, i) => tokens(lengthOf(i)))
  const perHour = async (prompts: readonly number[][], batch: number) => {
    const seconds = await medianSeconds(async () => {
      for (let start = 0; start < prompts.length; start += batch)
        await engine.sample(
          prompts.slice(start, start + batch).map((prompt) => ({ prompt, seeds: [1] })),
          { maxTokens: PROFILE, temperature: 0, stopTokens: [] },
          'base',
          never,
          () => {},
        )
    }, 1)
    return (3600 * prompts.length) / seconds
  }
  const sorted = await perHour(
    [...users].sort((a, b) => a.length - b.length),
    BATCH,
  )
  const unsorted = await perHour(users, BATCH)
  const file = await perHour(users, 16)
  const exact = quantize === 'none' ? '' : `, ${quantize}`
  const what = named(shape, `profiles of ${PROFILE} tokens on prompts of ${SHORTEST} to ${LONGEST}${exact}`)
  return [
    { what, figure: `${sorted.toFixed(0)} an hour` },
    { what: 'the same, users as they come', figure: `${unsorted.toFixed(0)} an hour` },
    { what: 'and 16 at once', figure: `${file.toFixed(0)} an hour` },
  ]
}
