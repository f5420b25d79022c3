// The head of the report: what each run is, and in plain words what came of it.
import { formatCount, formatDuration, formatNumber, lastPart } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { RunData, RunSummary } from '../read-run.ts'

/** One card a run: verdict, facts, and notes on its files. */
export function overview(runs: readonly RunData[]): Html {
  return html`<section id="overview" aria-labelledby="overview-title">
<h2 id="overview-title">${runs.length === 1 ? 'The run' : 'The runs'}</h2>
${runs.map(card)}
</section>
`
}

function card(run: RunData): Html {
  return html`<article class="card">
<h3>${run.name}</h3>
<p class="verdict">${verdict(run)}</p>
${run.summary && html`<p>${control(run.summary)}</p>`}
<dl class="facts">
${facts(run).map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>\n`)}</dl>
${run.notes.length > 0 && html`<ul class="notes">${run.notes.map((note) => html`<li>${note}</li>`)}</ul>`}
</article>
`
}

/** What came of the run, for someone who has not read the paper. */
export function verdict(run: RunData): string {
  if (run.kind === 'sft') return sftVerdict(run)
  const { summary } = run
  if (summary === undefined) return underWay(run)
  const { before, after, difference, chance, users } = summary
  const [from, to, level] = [before.both.mean, after.both.mean, (chance.forward + chance.backward) / 2].map(
    formatNumber,
  )
  const { low, high } = difference.both
  const rest = `chance is ${level}, 1 is perfect (NDCG, mean of both directions, ${formatCount(users)} users).`
  if (low > 0) return `Profiles of unseen people rose from ${from} to ${to}; ${rest}`
  if (high < 0) return `Profiles of unseen people fell from ${from} to ${to}; ${rest}`
  return `Profiles of unseen people went from ${from} to ${to}, a change that could be luck: its interval includes zero; ${rest}`
}

/** The mismatched control, which shows whether the number is about the person at all. */
function control({ controls: { mismatched }, chance }: RunSummary): string {
  if (mismatched === null) return 'There were too few users for the mismatched-profile control.'
  const level = (chance.forward + chance.backward) / 2
  const { mean, low, high } = mismatched.both
  const found = `With another user’s profile instead the score is ${formatNumber(mean)}`
  if (low <= level && high >= level)
    return `${found}, which is chance, as it must be: the profiles are about the person.`
  if (high < level) return `${found}, below chance: another’s profile misleads the judge, as it should.`
  return `${found}, above chance: part of the score is not about the person. Read the result with care.`
}

function underWay(run: RunData): string {
  const reward = run.metrics.get('reward')
  if (!reward?.length) return 'No training step is complete yet.'
  const validation = run.metrics.get('eval/score')
  const steps = `The final measurement is not there yet; ${formatCount(reward.at(-1)![0])} steps are done.`
  if (!validation || validation.length < 2) return steps
  return `${steps} The validation score went from ${formatNumber(validation[0][1])} to ${formatNumber(validation.at(-1)![1])}.`
}

function sftVerdict({ metrics }: RunData): string {
  const validation = metrics.get('eval_loss')
  if (!validation?.length) return 'A task backbone under LoRA-SFT; no validation yet.'
  const best = validation.reduce((least, [, value]) => Math.min(least, value), Number.POSITIVE_INFINITY)
  return `A task backbone adapted by LoRA-SFT: validation loss went from ${formatNumber(validation[0][1])} to ${formatNumber(best)} at its best (nats per token; lower is better).`
}

type Fact = [term: string, value: string]

function facts({ header, summary, sftSummary, metrics }: RunData): Fact[] {
  const { config, model, judge, data } = header
  const steps = metrics.get('learning_rate')?.at(-1)?.[0] ?? metrics.get('loss')?.at(-1)?.[0]
  const planned = record(config.optim).steps
  const seconds = Object.entries(summary?.seconds ?? {}).filter(([, value]) => value > 0)
  const best = summary?.bestStep ?? sftSummary?.bestStep
  const memory = summary?.peakMemoryBytes ?? sftSummary?.peakMemoryBytes
  const list: (Fact | undefined)[] = [
    ['Model', modelText(model)],
    judge && [
      'Judge',
      `${judge.digest === model.digest ? 'the same model, frozen' : modelText(judge)}${typeof judge.type === 'string' ? `; ${judge.type}` : ''}`,
    ],
    ['Data', dataText(config)],
    ['Users', counts(data)],
    ['Reward', rewardText(config)],
    ['Seed', String(config.seed ?? 'not set')],
    [
      'Steps',
      `${formatCount(summary?.steps ?? steps ?? 0)}${typeof planned === 'number' ? ` of ${formatCount(planned)}` : ''}${typeof best === 'number' ? `; best: ${formatCount(best)}` : ''}`,
    ],
    seconds.length > 0
      ? [
          'Time',
          `${formatDuration(seconds.reduce((sum, [, value]) => sum + value, 0))} (${seconds.map(([phase, value]) => `${phase} ${formatDuration(value)}`).join(', ')})`,
        ]
      : undefined,
    typeof memory === 'number' ? ['Peak memory', `${(memory / 2 ** 30).toFixed(1)} GiB`] : undefined,
    ['Made by', `${header.package?.name ?? 'bump'} ${header.package?.version ?? ''}`.trim()],
  ]
  return list.filter((fact): fact is Fact => fact !== undefined && fact[1] !== '')
}

function modelText(model: Record<string, unknown>): string {
  const { name, parameters, trainableParameters, digest } = model ?? {}
  const size = (count: number) => (count >= 1e9 ? `${(count / 1e9).toFixed(1)} B` : `${(count / 1e6).toFixed(1)} M`)
  return [
    typeof name === 'string' ? lastPart(name) : 'unknown',
    typeof parameters === 'number' && `${size(parameters)} parameters`,
    typeof trainableParameters === 'number' && trainableParameters > 0 && `${size(trainableParameters)} trained`,
    typeof digest === 'string' && `digest ${digest.slice(0, 8)}`,
  ]
    .filter(Boolean)
    .join(', ')
}

function dataText(config: Record<string, unknown>): string {
  const { paths, testPaths } = record(config.logs)
  const names = (list: unknown) =>
    Array.isArray(list)
      ? list
          .slice(0, 4)
          .map((path) => lastPart(String(path)))
          .join(', ')
      : ''
  const test = names(testPaths)
  return (
    `${names(paths)}${test && `; tested on ${test}`}` || (typeof config.data === 'string' ? lastPart(config.data) : '')
  )
}

/** Every count that the header tells of the data: users or questions by part. */
function counts(data: Record<string, unknown>): string {
  return Object.entries(data ?? {})
    .flatMap(([part, value]) => (typeof value === 'number' ? [`${formatCount(value)} ${part}`] : []))
    .join(', ')
}

function rewardText(config: Record<string, unknown>): string {
  const reward = record(config.reward)
  if (typeof reward.type === 'string' && reward.type !== 'bidirectional') return reward.type
  const { forwardWeight, backwardWeight, lengthBudget } = reward
  if (typeof forwardWeight !== 'number' || typeof backwardWeight !== 'number') return ''
  return `${forwardWeight} × forward + ${backwardWeight} × backward${typeof lengthBudget === 'number' ? `; free up to ${lengthBudget} tokens` : ''}`
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
