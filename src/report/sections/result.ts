// The final measurement: users whom no choice of the run has seen, before and after, beside the controls.

import type { DirectionIntervals, JudgedComparison, Summary, TaskComparison } from '../../run/format.ts'
import { type ForestRow, forestTable } from '../forest.ts'
import { formatCount, formatScore, lastPart, shortened } from '../format.ts'
import { type Html, html } from '../html.ts'
import { type RunData, worstOfJudges } from '../run-data.ts'

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

/** Judges of a run that are shown. */
const JUDGES = 20

const WORST =
  'By the worst of several judges, what says nothing lies below chance, which is that of one judge: there neither gains nor mismatched profiles can be read against it.'

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
<p class="lead">How well profiles tell people apart, for users who took no part in training or in the choice of a checkpoint. Intervals are 95 % bootstrap intervals over users; a hollow dot is a difference whose interval includes zero. “gain” is the share of the way from chance to perfect. Mismatched: every user with another user’s profile, which must be near chance. Raw history: the interactions that the generator reads, in the profile’s place.${runs.some(worstOfJudges) && ` ${WORST}`}</p>
<div class="pair">
${[both, differences, forward, backward]}</div>
${measured.flatMap(({ name, summary }) => (summary.judges ? [judgeTables(summary.judges, named('by each judge', name))] : []))}
${measured.flatMap(({ name, summary }) => (summary.task ? taskTables(summary.task, named(summary.task.task, name)) : []))}
</section>
`
}

/** The same profiles by every judge: those of the reward, and those that took no part in it. */
function judgeTables(judges: readonly JudgedComparison[], title: string): Html {
  const left = judges.length - JUDGES
  const labelled = judges.slice(0, JUDGES).map((each) => ({ ...each, label: judgeLabel(each) }))
  const scores = labelled.flatMap(({ label, before, after }) => [
    row(`before, ${label}`, before.both),
    row(`after, ${label}`, after.both),
  ])
  const changes = labelled.map(({ label, difference }) => row(label, difference.both))
  const reference = { label: 'no change', value: 0 }
  return html`<div class="pair">
${forestTable({ caption: `The same profiles ${title}: NDCG, both directions`, heading: 'Profile', rows: scores })}
${forestTable({ caption: `After less before ${title}`, heading: 'Judge', rows: changes, reference, difference: true })}
</div>
${left > 0 && html`<p class="notes">${formatCount(left)} further judges are left out to keep this file small; see summary.json.</p>`}
<p class="notes">A judge without part in the reward shows whether profiles say more about people, or only more to the judge that they were trained by.</p>
`
}

function judgeLabel({ name, judge, rewarded }: JudgedComparison): string {
  const model = typeof judge.name === 'string' ? ` on ${lastPart(judge.name)}` : ''
  return shortened(`${name}${model}${rewarded ? '' : ' (no part in the reward)'}`, 80)
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
  return [{ label, interval, note: `gain ${formatScore((interval.mean - chance) / (1 - chance))}` }]
}

function level({ chance }: Summary, key: keyof DirectionIntervals): number {
  return key === 'both' ? (chance.forward + chance.backward) / 2 : chance[key]
}
