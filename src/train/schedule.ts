// The learning rate of each step: warm-up, then constant, linear or cosine.

export const SCHEDULES = ['constant', 'linear', 'cosine'] as const

export interface Schedule {
  schedule: (typeof SCHEDULES)[number]
  learningRate: number
  /** Steps over which the rate rises linearly to `learningRate`. */
  warmup: number
  /** All steps of the run; linear and cosine reach 0 after the last. */
  steps: number
}

/** Learning rate of step `step`, counted from 0. */
export function learningRateAt(step: number, { schedule, learningRate, warmup, steps }: Schedule): number {
  if (step < warmup) return (learningRate * (step + 1)) / warmup
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup))
  switch (schedule) {
    case 'constant':
      return learningRate
    case 'linear':
      return learningRate * (1 - done)
    case 'cosine':
      return (learningRate * (1 + Math.cos(Math.PI * done))) / 2
  }
}
