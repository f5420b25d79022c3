// The work that all sides do: its sizes (work.json), the tokens it is done on, and the line that reports it. work.py is
// the same in Python.
import { readFileSync } from 'node:fs'

/** Sizes of the work and shape of the model: 'full' or 'smoke'. */
export function readWork(size) {
  return JSON.parse(readFileSync(new URL('work.json', import.meta.url), 'utf8'))[size]
}

/** Arguments of every script: size ('full' or 'smoke'), folder of the model, case, threads. */
export function caseArguments() {
  const [size, folder, name, threads] = process.argv.slice(2)
  return { work: readWork(size), folder, name, threads: Number(threads) }
}

/** `n` token ids from a seed, the same in both languages; never id 0, which ends a text. */
export function tokens(seed, n, vocab) {
  let state = (Math.imul(seed, 2654435761) + 1) >>> 0
  return Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 1 + ((state >>> 8) % (vocab - 1))
  })
}

/** Seeds of the cases, so that no two texts are alike. */
export const SEEDS = { train: 1000, group: 2000, prefill: 3000, decode: 4000, judge: 5000, step: 6000 }

/** Seconds of each of `runs` runs of `work` after one warm-up. */
export async function timed(runs, work) {
  await work()
  const seconds = []
  for (let run = 0; run < runs; run++) {
    const started = performance.now()
    await work()
    seconds.push((performance.now() - started) / 1000)
  }
  return seconds
}

export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/**
 * Prints one JSON line: `work` in `unit` done in `seconds`. `check` is a figure of the results that must agree between
 * the sides, null where there is none; `phases` holds seconds by phase.
 */
export function report({ name, system, seconds, work, unit, check = null, phases = null }) {
  const peakGB = process.resourceUsage().maxRSS / 1e6
  console.log(
    JSON.stringify({ case: name, system, seconds, work, unit, perSecond: work / seconds, peakGB, check, phases }),
  )
}
