// The final measurement: users whom no choice of the run has seen, before and after, beside the controls.

import type { DirectionIntervals, Summary, TaskComparison } from '../../run/format.ts'
import { type ForestRow, forestTable } from '../forest.ts'
import { formatCount, formatNumber } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { RunData } from '../run-data.ts'

const DIRECTIONS = [
  { key: 'both', title: 'Both directions' },
  { key: 'forward', title: 'Forward' },
  { key: 'backward', title: 'Backward' },
] as const

const CONDITIONS: { label: string; of(summary: Summary): DirectionIntervals | null }[] = [
  { label: 'before', of: ({ before }) => before },
  { label: 'after', of: ({ after }) => after },
  { label: 'mismatched', of: ({ controls }) => controls.mismatched },
  { label: 'raw history', of: ({ controls }) => controls.history },
]

/** Tables with intervals; undefined where no run is measured yet. */
export function result(runs: readonly RunData[]): Html | undefined {
  const measured = runs.flatMap(({ name, summary }) => (summary ? [{ name, summary }] : []))
  if (measured.length === 0) return undefined
  const named = (what: string, run: string) => (runs.length === 1 ? what : `${what}, ${run}`)
  const [both, forward, backward] = DIRECTIONS.map(({ key, title }) => {
    const levels = measured.map(({ summary }) => level(summary, key))
    const shared = levels.every((value) => Math.abs(value - levels[0]) < 0.002)
    return forestTable({
      caption: `${title}: NDCG`,
      heading: 'Profile',
      rows: CONDITIONS.flatMap(({ label, of }) =>
        measured.flatMap(({ name, summary }, i) => scoreRow(named(label, name), of(summary)?.[key], levels[i])),
      ),
      reference: shared ? { label: 'chance', value: levels[0] } : undefined,
    })
  })
  const differences = forestTable({
    caption: 'After less before, paired by user',
    heading: 'Difference',
    rows: DIRECTIONS.flatMap(({ key, title }) =>
      measured.map(({ name, summary }) => row(named(title, name), summary.difference[key])),
    ),
    reference: { label: 'no change', value: 0 },
    difference: true,
  })
  return html`<section id="result" aria-labelledby="result-title">
<h2 id="result-title">Before and after, on unseen users</h2>
<p class="lead">How well profiles tell people apart, for users who took no part in training or in the choice of a checkpoint. Intervals are 95 % bootstrap intervals over users; a hollow dot is a difference whose interval includes zero. “gain” is the share of the way from chance to perfect. Mismatched: every user with another user’s profile, which must be near chance. Raw history: the interactions that the generator reads, in the profile’s place.</p>
<div class="pair">
${[both, differences, forward, backward]}</div>
${measured.flatMap(({ name, summary }) => (summary.task ? taskTables(summary.task, named(summary.task.task, name)) : []))}
</section>
`
}

/** The task's own metrics, where they were the reward. */
function taskTables({ users, questions, before, after, difference }: TaskComparison, name: string): Html[] {
  const asked = `${formatCount(questions)} questions of ${formatCount(users)} users`
  return Object.keys(before).map((metric) => {
    const scores = { caption: `${name}: ${metric}, ${asked}`, heading: 'Profile' }
    const change = { caption: `${name}: ${metric}, after less before`, heading: 'Difference', difference: true }
    return html`<div class="pair">
${forestTable({ ...scores, rows: [row('before', before[metric]), row('after', after[metric])] })}
${forestTable({ ...change, rows: [row('after − before', difference[metric])], reference: { label: 'no change', value: 0 } })}
</div>
`
  })
}

const row = (label: string, interval: ForestRow['interval']): ForestRow => ({ label, interval })

/** None where the control was not measured. */
function scoreRow(label: string, interval: ForestRow['interval'] | undefined, chance: number): ForestRow[] {
  if (interval === undefined) return []
  return [{ label, interval, note: `gain ${formatNumber((interval.mean - chance) / (1 - chance))}` }]
}

function level({ chance }: Summary, key: keyof DirectionIntervals): number {
  return key === 'both' ? (chance.forward + chance.backward) / 2 : chance[key]
}
