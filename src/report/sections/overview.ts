// The head of the report: what each run is, and in plain words what came of it.

import type { Summary } from '../../run/format.ts'
import { formatCount, formatNumber } from '../format.ts'
import { type Html, html } from '../html.ts'
import { type RunData, worstOfJudges } from '../run-data.ts'
import { facts } from './facts.ts'

/** One card a run: verdict, facts, and notes on its files. */
export function overview(runs: readonly RunData[]): Html {
  return html`<section id="overview" aria-labelledby="overview-title">
<h2 id="overview-title">${runs.length === 1 ? 'The run' : 'The runs'}</h2>
${runs.map((run) => card(run, runs.length > 1))}
</section>
`
}

function card(run: RunData, named: boolean): Html {
  return html`<article class="card">
${named && html`<h3>${run.name}</h3>`}
<p class="verdict">${verdict(run)}</p>
${run.summary && html`<p>${control(run.summary, worstOfJudges(run))}</p>`}
${named ? html`<details><summary>About this run</summary>${factList(run)}</details>` : factList(run)}
${run.notes.length > 0 && html`<ul class="notes">${run.notes.map((note) => html`<li>${note}</li>`)}</ul>`}
</article>
`
}

function factList(run: RunData): Html {
  const list = facts(run).map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>\n`)
  return html`<dl class="facts">
${list}</dl>`
}

/** What came of the run, for someone who has not read the paper. */
function verdict(run: RunData): string {
  if (run.kind === 'sft') return sftVerdict(run)
  const { summary } = run
  if (summary === undefined) return underWay(run)
  const { before, after, difference, chance, users, bestStep } = summary
  const [from, to, level] = [before.both.mean, after.both.mean, (chance.forward + chance.backward) / 2].map(
    formatNumber,
  )
  const { low, high } = difference.both
  const reference = worstOfJudges(run) ? '' : `chance is ${level}, `
  const rest = `${reference}1 is perfect (NDCG, mean of both directions, ${formatCount(users)} users).`
  if (bestStep === 0)
    return `No step was better by validation, so the untrained model was kept: its profiles of unseen people score ${to}; ${rest}`
  if (low > 0) return `Profiles of unseen people rose from ${from} to ${to}; ${rest}`
  if (high < 0) return `Profiles of unseen people fell from ${from} to ${to}; ${rest}`
  return `Profiles of unseen people went from ${from} to ${to}, a change that could be luck: its interval includes zero; ${rest}`
}

/** The mismatched control, which shows whether the number is about the person at all; `worst`: see worstOfJudges. */
function control({ controls: { mismatched }, chance, after }: Summary, worst: boolean): string {
  if (mismatched === null) return 'There were too few users for the mismatched-profile control.'
  const level = (chance.forward + chance.backward) / 2
  const { mean, low, high } = mismatched.both
  const found = `With another user’s profile instead the score is ${formatNumber(mean)}`
  if (worst)
    return `${found}. Chance is no reference here: by the worst of several judges, what says nothing lies below it.`
  if (low <= level && high >= level) {
    const about = after.both.low > level ? ': the profiles are about the person' : ''
    return `${found}, which is chance, as it must be${about}.`
  }
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
