// The work that all sides do: its sizes (work.json), the tokens it is done on, and the line that reports it. work.py is
// the same in Python.
import { readFileSync } from 'node:fs'

/** Arguments of every script: size (a key of work.json), folder of the model, case, threads, precision. */
export function caseArguments() {
  const [size, folder, name, threads, precision] = process.argv.slice(2)
  const work = json('work.json')[size]
  return { work, model: json('../shapes.json')[work.shape], folder, name, threads: Number(threads), precision }
}

const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))

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

/** 64 of the values, evenly taken: the part of a result that must agree between the sides. */
export const spread = (values) => values.filter((_, i) => i % Math.ceil(values.length / 64) === 0)

/**
 * Prints one JSON line: `work` in `unit` done in `seconds`. `check` holds figures of the results that must agree between
 * the sides, null where there are none; `phases` holds seconds by phase.
 */
export function report({ seconds, work, unit, check = null, phases = null }) {
  const peakGB = process.resourceUsage().maxRSS / 1e6
  console.log(JSON.stringify({ seconds, work, unit, peakGB, check, phases }))
}
