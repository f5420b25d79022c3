// Which zero-shot profiles a run's are compared with: those by its own base, asked as the run asks.

import { basename } from 'node:path'
import type { TrainedRun } from '../../train/trained-run.ts'

export interface ZeroShot {
  /** 'zero-shot' for the first, then 'zero-shot2', … */
  key: string
  label: string
  /** The first run whose base and prompt write them. */
  run: TrainedRun
}

/** [run] its zero-shot profiles; runs of one base, prompt and sampling share them. Where there are several they are named. */
export function zeroShotsOf(runs: readonly TrainedRun[]): ZeroShot[] {
  // Greedy profiles do not depend on the seed.
  const settings = runs.map(({ header, config: { prompt, profile, seed } }) =>
    JSON.stringify([header.model.digest, prompt, profile, profile.temperature > 0 ? seed : 0]),
  )
  const distinct = [...new Set(settings)]
  return settings.map((each) => {
    const nth = distinct.indexOf(each)
    const run = runs[settings.indexOf(each)]
    const named = distinct.length > 1 ? ` (${run.name}: ${basename(run.config.model)})` : ''
    return { key: nth === 0 ? 'zero-shot' : `zero-shot${nth + 1}`, label: `zero-shot profile${named}`, run }
  })
}
