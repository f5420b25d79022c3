// Puts the sections into one file that needs nothing else: style, scripts and data stand inside, and its own policy
// forbids every request, so it opens offline and tells nobody that it was opened.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { EvaluationResult } from '../evaluate/result.ts'
import { type Html, html, markup, scriptJson } from './html.ts'
import type { RunData } from './run-data.ts'
import { configuration } from './sections/configuration.ts'
import { curves } from './sections/curves.ts'
import { evaluations } from './sections/evaluations.ts'
import { overview } from './sections/overview.ts'
import { beforeAndAfter, sampledProfiles } from './sections/profiles.ts'
import { result } from './sections/result.ts'

/** The whole report as HTML. */
export function page(runs: readonly RunData[], results: readonly EvaluationResult[]): string {
  const drawn = curves(runs)
  const evaluated = evaluations(results, drawn?.charts.length ?? 0)
  const charts = [...(drawn?.charts ?? []), ...(evaluated?.charts ?? [])]
  const sections: [id: string, name: string, content: Html | undefined][] = [
    ['overview', runs.length === 1 ? 'Run' : 'Runs', overview(runs)],
    ['result', 'Result', result(runs)],
    ['evaluations', 'Evaluations', evaluated?.section],
    ['curves', 'Training', drawn?.section],
    ['profiles', 'Profiles', beforeAndAfter(runs)],
    ['rollouts', 'Rollouts', sampledProfiles(runs)],
    ['configuration', 'Configuration', configuration(runs)],
  ]
  const present = sections.filter(([, , content]) => content !== undefined)
  const title = runs.map(({ name }) => name).join(', ')
  const scripts = charts.length > 0 ? chartScripts() : []
  const allowed = scripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`).join(' ')
  const policy = `default-src 'none'; script-src ${allowed || "'none'"}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · bump report</title>
<link rel="icon" href="data:,">
<style>${markup(asset('report.css'))}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<p class="brand">bump report</p>
<h1>${title}</h1>
<nav aria-label="Sections"><ul>${present.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
</header>
<main id="content" tabindex="-1">
${present.map(([, , content]) => content)}</main>
${PATTERNS}
${charts.length > 0 && html`<script type="application/json" id="charts">${scriptJson(charts)}</script>`}
${scripts.map((script) => html`<script>${markup(script)}</script>\n`)}</body>
</html>
`.markup
}

/** Fills that tell the layers of a stacked chart apart without colour. */
const PATTERNS = markup(`<svg width="0" height="0" aria-hidden="true" class="patterns"><defs>
<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="var(--surface)"/><rect width="1.6" height="5" fill="var(--ink)"/></pattern>
<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5" fill="var(--accent-soft)"/><circle cx="2.5" cy="2.5" r="1" fill="var(--ink)"/></pattern>
</defs></svg>`)

/** Observable Plot with the d3 that it stands on, and our drawing on top. */
function chartScripts(): string[] {
  const require = createRequire(import.meta.url)
  const plot = require.resolve('@observablehq/plot')
  const d3 = createRequire(plot).resolve('d3')
  const beside = (entry: string, file: string) => readFileSync(join(dirname(entry), file), 'utf8')
  return [beside(d3, '../dist/d3.min.js'), beside(plot, '../dist/plot.umd.min.js'), asset('charts.js')]
}

/** A file of assets/report, which lies beside src/ and dist/. */
function asset(name: string): string {
  return readFileSync(new URL(`../../assets/report/${name}`, import.meta.url), 'utf8')
}
