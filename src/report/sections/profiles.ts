// Profiles to read: test users before and after, and rollouts of training. Which ones are shown is a rule that stands
// on the page, never a choice. All of it is text that a model wrote: it is escaped like everything else.

import type { ProfileLine } from '../../run/format.ts'
import { formatCount, formatNumber, formatScore, shortened } from '../format.ts'
import { type Html, html, markup, within } from '../html.ts'
import type { Rollout, RolloutStep, RunData } from '../run-data.ts'

/** Characters of a profile and of a user's name. */
const TEXT_LIMIT = 1200
const NAME_LIMIT = 80
/** Characters of markup for all runs' profiles together, in each of the two sections. */
const SECTION_LIMIT = 250_000

/** Test users before and after; undefined where no run has any. */
export function beforeAndAfter(runs: readonly RunData[]): Html | undefined {
  const shown = runs.filter(({ pairs }) => pairs.length > 0)
  if (shown.length === 0) return undefined
  return html`<section id="profiles" aria-labelledby="profiles-title">
<h2 id="profiles-title">Profiles of unseen people, before and after</h2>
<p class="lead">Not picked: all test users are ordered by the change of their NDCG (mean of both directions). Shown are the largest gain, the upper quartile, the median, the lower quartile and the largest loss.</p>
${within(
  SECTION_LIMIT,
  shown.map((run, i) => runPairs(run, placeOf(i, runs.length))),
  leftOut,
)}
</section>
`
}

const PLACES = [
  { label: 'largest gain', at: 0 },
  { label: 'upper quartile', at: 0.25 },
  { label: 'median', at: 0.5 },
  { label: 'lower quartile', at: 0.75 },
  { label: 'largest loss', at: 1 },
]

function runPairs({ name, pairs }: RunData, place: Place): Html {
  const change = ({ before, after }: ProfileLine) => after.forward - before.forward + (after.backward - before.backward)
  const ordered = [...pairs].sort((a, b) => change(b) - change(a))
  const places = new Map<number, string[]>()
  for (const { label, at } of PLACES) {
    const index = Math.round(at * (ordered.length - 1))
    places.set(index, [...(places.get(index) ?? []), label])
  }
  const users = [...places].map(([place, labels]) =>
    pairCard(ordered[place], labels.join(', '), change(ordered[place]) / 2),
  )
  return block(
    html`<p class="count">${users.length} of ${formatCount(pairs.length)} test users</p>
${users}`,
    name,
    place,
  )
}

function pairCard({ user, before, after }: ProfileLine, label: string, change: number): Html {
  const side = (title: string, { profile, tokens, forward, backward }: ProfileLine['before']) => html`<div>
<h5>${title}</h5>
${profileText(profile)}
<p class="scores">forward <b>${formatScore(forward)}</b> · backward <b>${formatScore(backward)}</b> · ${formatCount(tokens)} tokens</p>
</div>
`
  return html`<article class="card">
<h4>${shortened(user, NAME_LIMIT)} <span class="tag">${label}: ${change > 0 ? '+' : ''}${change === 0 ? '0' : formatScore(change)}</span></h4>
<div class="pair">${side('Before', before)}${side('After', after)}</div>
</article>
`
}

/** Rollouts of training with every term of their reward; undefined where no run has any. */
export function sampledProfiles(runs: readonly RunData[]): Html | undefined {
  const shown = runs.filter(({ rollouts }) => rollouts.length > 0)
  if (shown.length === 0) return undefined
  return html`<section id="rollouts" aria-labelledby="rollouts-title">
<h2 id="rollouts-title">Sampled profiles, oldest to newest</h2>
<p class="lead">Not picked: of the first step, the last, and up to three at even distances between them, the rollouts with the highest, the median and the lowest reward (of equal ones the first in rollouts.jsonl). Terms are before weighting; penalties are negative. Advantage is the reward against the user’s other rollouts; a dropped group gives no gradient.</p>
${within(
  SECTION_LIMIT,
  shown.map((run, i) => runRollouts(run, placeOf(i, runs.length))),
  leftOut,
)}
</section>
`
}

function runRollouts({ name, rollouts }: RunData, place: Place): Html {
  return block(html`${rollouts.map(stepTable)}`, name, place)
}

function stepTable({ step, count, best, median, worst }: RolloutStep): Html {
  const terms = Object.keys(best.terms)
  const row = (
    label: string,
    { profile, user, reward, advantage, terms: values, tokens, stop, kept }: Rollout,
  ) => html`<tr>
<th scope="row">${label}<span class="note">${shortened(user, NAME_LIMIT)}</span></th>
<td class="text">${profileText(profile)}<span class="note">${formatCount(tokens)} tokens${stop === 'length' && ', cut at the limit'}${!kept && ', group dropped'}</span></td>
<td data-label="reward"><b>${formatNumber(reward)}</b></td>
${terms.map((term) => html`<td data-label="${term}">${term in values ? formatNumber(values[term]) : '–'}</td>`)}
<td data-label="advantage">${formatNumber(advantage)}</td>
</tr>
`
  return html`<div class="scroll" role="region" aria-label="Rollouts of step ${step}" tabindex="0"><table class="rollouts">
<caption>Step ${step}<span class="note"> of ${formatCount(count)} rollouts</span></caption>
<thead><tr><th scope="col">rank</th><th scope="col">profile</th>${['reward', ...terms, 'advantage'].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${row('highest', best)}${row('median', median)}${row('lowest', worst)}</tbody>
</table></div>
`
}

/** A run's part of a section: alone, or one of several, of which only the first is unfolded. */
type Place = 'alone' | 'first' | 'further'

function placeOf(index: number, runs: number): Place {
  if (runs === 1) return 'alone'
  return index === 0 ? 'first' : 'further'
}

function block(content: Html, name: string, place: Place): Html {
  if (place === 'alone') return content
  return html`<details class="run"${place === 'first' && markup(' open')}><summary><h3>${name}</h3></summary>
${content}</details>
`
}

function profileText(profile: string): Html {
  if (profile.trim() === '') return html`<p class="profile empty">(empty)</p>`
  return html`<p class="profile" dir="auto">${shortened(profile, TEXT_LIMIT)}</p>`
}

function leftOut(runs: number): Html {
  return html`<p class="notes">The profiles of ${runs} further runs are left out to keep this file small; see their folders.</p>`
}
