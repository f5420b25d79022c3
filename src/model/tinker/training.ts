// From groups and a token loss to the data of a pass, and back. Servers have losses of their own, which differ in
// names, bounds and reduction, and none has all of ours. So each loss is computed here from the log probabilities of a
// forward pass (model/token-loss.ts), and the server is asked for the gradient of a straight line with the same slope:
// with old log probabilities that are its own, importance sampling is −Σ advantage·exp(0), whose derivative by each log
// probability is −advantage.
import type { ForwardBackwardResult, TokenIds, TokenLoss, TrainGroup } from '../contract.ts'
import { lossAndGradient } from '../token-loss.ts'
import type { Reduction } from './policy.ts'
import type { Datum } from './wire.ts'

/** Texts that begin alike. */
interface Texts {
  prompt: TokenIds
  completions: readonly { tokens: TokenIds }[]
}

/** The texts of the groups, prompt and completion together, one after another; nothing counts yet. */
export function dataOf(groups: readonly Texts[]): Datum[] {
  return groups.flatMap(({ prompt, completions }) =>
    completions.map(({ tokens }) => {
      const text = [...prompt, ...tokens]
      const targets = text.slice(1)
      const none = new Float32Array(targets.length)
      return { tokens: text.slice(0, -1), targets, logprobs: none, advantages: none }
    }),
  )
}

/** The loss at those log probabilities, and the data whose pass adds its gradient. */
interface Step {
  result: ForwardBackwardResult
  data: Datum[]
}

/**
 * `logprobs`: [text][target] of the policy. `texts`: all texts up to the optimiser's step, which a server that averages
 * divides by; it also divides each text's sum by its targets.
 */
export function stepOf(
  groups: readonly TrainGroup[],
  loss: TokenLoss,
  logprobs: readonly Float32Array[],
  reduction: Reduction,
  texts: number,
): Step {
  const data: Datum[] = []
  const plain = dataOf(groups)
  let total = 0
  const completions = groups.map(({ prompt, completions: ofPrompt }) =>
    ofPrompt.map((completion) => {
      const datum = plain[data.length]
      const all = logprobs[data.length]
      const first = prompt.length - 1
      const own = all.slice(first)
      const { loss: value, gradient } = lossAndGradient(loss, { ...completion, logprobs: own })
      total += value
      const scale = reduction === 'mean' ? datum.targets.length * texts : 1
      const advantages = new Float32Array(all.length)
      gradient.forEach((slope, t) => {
        advantages[first + t] = -slope * scale
      })
      data.push({ ...datum, logprobs: all, advantages })
      return { logprobs: own }
    }),
  )
  return { result: { loss: total, completions }, data }
}
