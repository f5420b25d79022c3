// The final measurement: users whom no choice of the run has seen, before and after, beside the controls.
import { type ForestRow, forestTable } from '../forest.ts'
import { formatCount, formatNumber } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { Directions, RunData, RunSummary, TaskComparison } from '../read-run.ts'

const DIRECTIONS = [
  { key: 'both', title: 'Both directions, mean' },
  { key: 'forward', title: 'Forward' },
  { key: 'backward', title: 'Backward' },
] as const

/** Tables with intervals; undefined where no run is measured yet. */
export function result(runs: readonly RunData[]): Html | undefined {
  const measured = runs.flatMap(({ name, summary }) => (summary ? [{ name, summary }] : []))
  if (measured.length === 0) return undefined
  const named = (run: string, what: string) => (runs.length === 1 ? what : `${run}: ${what}`)
  const tables = DIRECTIONS.map(({ key, title }) => {
    const levels = measured.map(({ summary }) => level(summary, key))
    const shared = levels.every((value) => Math.abs(value - levels[0]) < 0.002)
    const scores = measured.flatMap(({ name, summary }, i) =>
      rows(summary, key, levels[i], (what) => named(name, what)),
    )
    return html`<div class="pair">
${forestTable({ caption: `${title}: NDCG`, heading: 'Profile', rows: scores, reference: shared ? { label: 'chance', value: levels[0] } : undefined })}
${forestTable({
  caption: `${title}: after less before, by user`,
  heading: 'Difference',
  rows: measured.map(({ name, summary }) => ({
    label: runs.length === 1 ? 'after − before' : name,
    interval: summary.difference[key],
  })),
  reference: { label: 'no change', value: 0 },
  difference: true,
})}
</div>
`
  })
  return html`<section id="result" aria-labelledby="result-title">
<h2 id="result-title">Before and after, on unseen users</h2>
<p class="lead">How well profiles tell people apart, for users who took no part in training or in the choice of a checkpoint. Intervals are 95 % bootstrap intervals over users; a hollow dot is a difference whose interval includes zero. “gain” is the share of the way from chance to perfect. Mismatched: every user with another user’s profile, which must be near chance. Raw history: the user’s own records in the profile’s place.</p>
${tables}
${measured.flatMap(({ name, summary }) => (summary.task ? taskTables(summary.task, named(name, summary.task.task)) : []))}
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

function rows(
  summary: RunSummary,
  key: keyof Directions,
  chance: number,
  label: (what: string) => string,
): ForestRow[] {
  const { before, after, controls } = summary
  const row = (what: string, { [key]: interval }: Directions): ForestRow => ({
    label: label(what),
    interval,
    note: `gain ${formatNumber((interval.mean - chance) / (1 - chance))}`,
  })
  return [
    row('before', before),
    row('after', after),
    ...(controls.mismatched ? [row('mismatched', controls.mismatched)] : []),
    row('raw history', controls.history),
  ]
}

function level({ chance }: RunSummary, key: keyof Directions): number {
  return key === 'both' ? (chance.forward + chance.backward) / 2 : chance[key]
}
