// The end of a run on the terminal: NDCG of users never trained on, before and after, beside chance.
import type { DirectionIntervals, JudgedComparison, SftSummary, Summary } from '../../run/format.ts'
import { intervalText } from '../../util/stats.ts'
import { duration } from './progress.ts'

/** summary.json as a table. */
export function summaryTable(summary: Summary): string {
  const row = (name: string, forward: string, backward: string, both: string) =>
    `  ${name.padEnd(13)}${forward.padEnd(26)}${backward.padEnd(26)}${both}`.trimEnd()
  const { chance } = summary
  const intervals = (name: string, { forward, backward, both }: DirectionIntervals) =>
    row(name, intervalText(forward), intervalText(backward), intervalText(both))
  const { history, mismatched } = summary.controls
  return [
    `NDCG of ${summary.users} users never trained on, with bootstrap 95 % intervals`,
    row('', 'forward', 'backward', 'both'),
    intervals('before', summary.before),
    intervals('after', summary.after),
    intervals('difference', summary.difference),
    row(
      'chance',
      chance.forward.toFixed(3),
      chance.backward.toFixed(3),
      ((chance.forward + chance.backward) / 2).toFixed(3),
    ),
    ...(mismatched ? [intervals('mismatched', mismatched)] : []),
    intervals('raw history', history),
    '',
    ...judgeLines(summary.judges),
    ...taskLines(summary.task),
    "mismatched: every user with another user's profile, must be near chance; raw history: the history in the profile's place",
    '',
  ].join('\n')
}

/** The same profiles by each of several judges and by those of the test. */
function judgeLines(judges: Summary['judges']): string[] {
  if (!judges) return []
  const width = Math.max(...judges.map(({ name }) => name.length)) + 2
  const row = (name: string, [before, after, difference]: string[]) =>
    `  ${name.padEnd(width)}${before.padEnd(26)}${after.padEnd(26)}${difference}`.trimEnd()
  const named = ({ name, judge, rewarded }: JudgedComparison) =>
    `  ${name}: ${String(judge.name)}${rewarded ? '' : ', took no part in the reward'}`
  return [
    'The same profiles by each judge, mean of both directions',
    row('', ['before', 'after', 'difference']),
    ...judges.map(({ name, before, after, difference }) =>
      row(
        name,
        [before, after, difference].map(({ both }) => intervalText(both)),
      ),
    ),
    ...judges.map(named),
    '',
  ]
}

/** The task's own metrics before and after, where the reward was one. */
function taskLines(task: Summary['task']): string[] {
  if (!task) return []
  const row = (name: string, [before, after, difference]: string[]) =>
    `  ${name.padEnd(13)}${before.padEnd(26)}${after.padEnd(26)}${difference}`.trimEnd()
  return [
    `${task.task}, ${task.questions} questions of ${task.users} of these users`,
    row('', ['before', 'after', 'difference']),
    ...Object.keys(task.after).map((metric) =>
      row(
        metric,
        [task.before, task.after, task.difference].map((values) => intervalText(values[metric])),
      ),
    ),
    '',
  ]
}

/** summary.json in a few lines. */
export function sftSummaryText(summary: SftSummary): string {
  const { validationLoss: loss, steps, bestStep, epochs, examples, users, seconds } = summary
  const spent = Object.values(seconds).reduce((sum, value) => sum + value, 0)
  return [
    `trained ${steps} steps (${epochs} epochs) on ${examples.train} examples of ${users.train} users in ${duration(spent)}`,
    loss === null
      ? 'no users were held out: the adapter is that of the last step'
      : `loss of ${examples.validation} examples of ${users.validation} held-out users: ${loss.first.toFixed(4)} before, ${loss.best.toFixed(4)} at the best step ${bestStep}`,
    '',
  ].join('\n')
}
