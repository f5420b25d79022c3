// The resolved configuration of each run, folded, and where runs differ.
import { stringify } from 'yaml'
import { shortened } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { RunData } from '../run-data.ts'

/** Characters of one configuration, and rows of the table of differences. */
const CONFIG_LIMIT = 12_000
const DIFFERENCES = 60

export function configuration(runs: readonly RunData[]): Html {
  const differing = runs.length > 1 ? differences(runs) : []
  return html`<section id="configuration" aria-labelledby="configuration-title">
<h2 id="configuration-title">Configuration</h2>
${
  differing.length > 0 &&
  html`<div class="scroll" role="region" aria-label="Differences" tabindex="0"><table class="values">
<caption>Where the runs differ</caption>
<thead><tr><th scope="col">setting</th>${runs.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${differing.slice(0, DIFFERENCES).map(({ key, values }) => html`<tr><th scope="row">${shortened(key, 80)}</th>${values.map((value) => html`<td>${shortened(value, 120)}</td>`)}</tr>`)}</tbody>
</table></div>`
}
${runs.map(({ name, header, sftSummary }) => html`${folded(`${name}: config.json`, header)}${sftSummary && folded(`${name}: summary.json`, sftSummary)}`)}
</section>
`
}

function folded(title: string, value: unknown): Html {
  return html`<details><summary>${title}</summary><pre tabindex="0" aria-label="${title}">${shortened(stringify(value), CONFIG_LIMIT)}</pre></details>
`
}

/** Settings whose values are not the same in all runs, by their dotted names. */
function differences(runs: readonly RunData[]): { key: string; values: string[] }[] {
  const leaves = runs.map(({ header }) => new Map(leavesOf(header.config)))
  const keys = [...new Set(leaves.flatMap((settings) => [...settings.keys()]))].filter((key) => key !== 'name')
  return keys
    .map((key) => ({ key, values: leaves.map((settings) => settings.get(key) ?? 'not set') }))
    .filter(({ values }) => new Set(values).size > 1)
}

function leavesOf(value: unknown, path: readonly string[] = []): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
  return [[path.join('.'), typeof value === 'string' ? value : JSON.stringify(value)]]
}
