// Which examples go together: batches of similar length, so that little of a step is padding, in a random order.
import { seedFrom, shuffled } from '../util/random.ts'
import type { PromptGroup, SftExample } from './sft-examples.ts'

/** Batches whose examples are sorted together. More gives more similar lengths, fewer a more random choice. */
const SORTED_TOGETHER = 16

/** Batches of one epoch. */
export function batchesPerEpoch(examples: number, size: number): number {
  return Math.ceil(examples / size)
}

/**
 * The batches of an epoch, `size` examples each but for one that may be smaller. Every example stands in exactly one.
 * Examples are shuffled, sorted by length within runs of 16 batches, cut into batches, and the batches shuffled again;
 * all of it is determined by seed and epoch.
 */
export function epochBatches(
  examples: readonly SftExample[],
  size: number,
  seed: number,
  epoch: number,
): SftExample[][] {
  const order = shuffled(examples, seedFrom(seed, 'sft-examples', epoch))
  const batches: SftExample[][] = []
  for (let from = 0; from < order.length; from += SORTED_TOGETHER * size) {
    const sorted = order.slice(from, from + SORTED_TOGETHER * size).sort((a, b) => lengthOf(a) - lengthOf(b))
    for (let at = 0; at < sorted.length; at += size) batches.push(sorted.slice(at, at + size))
  }
  return shuffled(batches, seedFrom(seed, 'sft-batches', epoch))
}

function lengthOf({ prompt, target }: SftExample): number {
  return prompt.length + target.length
}

/**
 * Groups in parts of at most `tokens` tokens, padding to the longest of a part included; a group that is larger by
 * itself is a part of its own. Each group stands in exactly one part, similar lengths together.
 */
export function microSteps<G extends PromptGroup>(groups: readonly G[], tokens: number): G[][] {
  const size = ({ prompt, targets }: G) => prompt.length + targets.reduce((sum, target) => sum + target.length, 0)
  const parts: G[][] = []
  let longest = 0
  for (const group of [...groups].sort((a, b) => size(a) - size(b))) {
    longest = Math.max(longest, size(group))
    const part = parts.at(-1)
    if (part && (part.length + 1) * longest <= tokens) part.push(group)
    else {
      parts.push([group])
      longest = size(group)
    }
  }
  return parts
}
