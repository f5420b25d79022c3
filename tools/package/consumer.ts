// A strict program of a user of the package, compiled by main.ts against the tarball and never run. It holds the types
// of the front door: what one gives, what one gets, and that they are no `any`.
import { BumpError, type LanguageModel, openModel, train } from 'bump-profiles'

export const model: LanguageModel = await openModel('HuggingFaceTB/SmolLM2-135M-Instruct')

export async function trained(signal: AbortSignal) {
  try {
    return train
  } catch (error) {
    if (BumpError.isInstance(error) && error.code === 'cancelled' && signal.aborted) return undefined
    // @ts-expect-error: codes are a closed list
    if (BumpError.isInstance(error) && error.code === 'no-such-code') return undefined
    throw error
  }
}

// @ts-expect-error: a model's name is text
void openModel(1)
