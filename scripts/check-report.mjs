// Opens a report in headless Chromium, on a desktop in light mode and on a phone in dark mode, and fails on anything that
// a reader would trip over: console errors, requests, charts that did not draw, a page wider than the screen.
// Writes the two screenshots. Needs a Chromium and playwright-core, which are no dependencies of this package:
//   apt-get install chromium; npm install --no-save playwright-core
//   node scripts/check-report.mjs <report.html> [folder of the screenshots, default docs]
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [report, folder = 'docs'] = process.argv.slice(2)
if (!report || !existsSync(report)) {
  console.error('usage: node scripts/check-report.mjs <report.html> [folder of the screenshots]')
  process.exit(2)
}
const chromium = await browserType()
const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  process.env.CHROMIUM,
]
  .reverse()
  .find((path) => path && existsSync(path))
const problems = []
if (statSync(report).size >= 2_000_000) problems.push(`the file weighs ${statSync(report).size} bytes, 2 MB or more`)

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
await look('desktop', 'report.png', {
  viewport: { width: 1200, height: 2080 },
  deviceScaleFactor: 0.85,
  colorScheme: 'light',
})
await look('phone', 'report-phone.png', {
  viewport: { width: 360, height: 780 },
  colorScheme: 'dark',
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
})
await browser.close()
for (const problem of problems) console.error(`report: ${problem}`)
console.log(
  problems.length === 0 ? `${report}: no console error, no request, every chart drawn` : `${problems.length} problems`,
)
process.exitCode = problems.length === 0 ? 0 : 1

async function look(device, screenshot, options) {
  const page = await browser.newPage(options)
  const wrong = (what) => problems.push(`${device}: ${what}`)
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong(message.text()))
  page.on('pageerror', (error) => wrong(error.message))
  page.on('request', (request) => /^(file|data):/.test(request.url()) || wrong(`requests ${request.url()}`))
  await page.goto(pathToFileURL(resolve(report)).href)
  await page.waitForTimeout(500)
  const undrawn = await page.$$eval('[data-chart]', (places) =>
    places
      .filter((place) => !place.querySelector('svg path, svg rect'))
      .map((place) => place.getAttribute('aria-label')),
  )
  for (const label of undrawn) wrong(`not drawn: ${label}`)
  const { needed, there } = await page.evaluate('({ needed: document.documentElement.scrollWidth, there: innerWidth })')
  if (needed > there) wrong(`the page is ${needed} pixels wide on a screen of ${there}`)
  const chart = await page.$('[data-chart]')
  // The desktop's picture is the head of the report; the phone has no room for it beside a chart.
  if (options.isMobile)
    await chart?.evaluate((place) => place.closest('figure').scrollIntoView({ behavior: 'instant' }))
  await page.screenshot({ path: join(folder, screenshot) })
  if (chart) {
    await chart.scrollIntoViewIfNeeded()
    await chart.hover()
    await page.waitForTimeout(200)
    const read = await page.$$eval('[aria-label="tip"]', (tips) => tips.some((tip) => tip.textContent.includes('step')))
    if (!read) wrong('no values at the pointer')
  }
  await page.close()
}

/** playwright-core of this folder, or of the folder that PLAYWRIGHT names. */
async function browserType() {
  try {
    const from = createRequire(process.env.PLAYWRIGHT ? join(process.env.PLAYWRIGHT, 'x.js') : import.meta.url)
    return (await import(pathToFileURL(from.resolve('playwright-core')).href)).default.chromium
  } catch {
    console.error(
      'This check needs playwright-core (npm install --no-save playwright-core) and Chromium on the machine.',
    )
    process.exit(1)
  }
}
