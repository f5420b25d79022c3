// The end of a training run on the terminal: NDCG of users never trained on, before and after, beside chance.
import { formatInterval } from '../../reward/judge-check.ts'
import type { Summary } from '../../train/summary.ts'

/** summary.json as a table. */
export function summaryTable(summary: Summary): string {
  const row = (name: string, forward: string, backward: string, both: string) =>
    `  ${name.padEnd(12)}${forward.padEnd(26)}${backward.padEnd(26)}${both}`.trimEnd()
  const { chance } = summary
  const lines = (['before', 'after', 'difference'] as const).map((name) => {
    const { forward, backward, both } = summary[name]
    return row(name, formatInterval(forward), formatInterval(backward), formatInterval(both))
  })
  return [
    `NDCG of ${summary.users} users never trained on, with bootstrap 95 % intervals`,
    row('', 'forward', 'backward', 'both'),
    ...lines,
    row(
      'chance',
      chance.forward.toFixed(3),
      chance.backward.toFixed(3),
      ((chance.forward + chance.backward) / 2).toFixed(3),
    ),
    '',
  ].join('\n')
}
