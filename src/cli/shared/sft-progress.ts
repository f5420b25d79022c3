// Progress of `bump sft` and the end of its run on the terminal.

import type { SftSummary } from '../../run/format.ts'
import { duration, type Progress, type ProgressWords, progressView } from './progress.ts'

const number = (value: unknown): string => (typeof value === 'number' ? value.toFixed(4) : '-')

export const SFT_WORDS: ProgressWords = {
  step: (metrics) => [
    `loss ${number(metrics.loss)} entropy ${number(metrics.entropy)} grad norm ${number(metrics.grad_norm)}`,
    `tokens ${metrics.num_tokens} epoch ${metrics.epoch}`,
  ],
  validation: (step, metrics) => `held-out users after step ${step}: loss ${number(metrics.eval_loss)}`,
  doing: { train: 'training', validation: 'validating' },
}

/** The view of a run of `steps` steps. */
export function sftProgress(steps: number): Progress {
  return progressView(steps, SFT_WORDS)
}

/** summary.json in a few lines. */
export function sftSummaryText(summary: SftSummary): string {
  const { validationLoss: loss, steps, bestStep, epochs, examples, users, seconds } = summary
  const spent = Object.values(seconds).reduce((sum, value) => sum + value, 0)
  return [
    `trained ${steps} steps (${epochs} epochs) on ${examples.train} examples of ${users.train} users in ${duration(spent)}`,
    loss === null
      ? 'no users were held out: the adapter is that of the last step'
      : `loss of ${examples.validation} examples of ${users.validation} held-out users: ${number(loss.first)} before, ${number(loss.best)} at the best step ${bestStep}`,
    '',
  ].join('\n')
}
