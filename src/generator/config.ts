// Options of the profile generator, checked once at the edge: the parts of a run's configuration that decide how a profile
// is asked for and sampled.
import { z } from 'zod'
import { DEFAULT_WORDING } from './prompt.ts'

export const promptSchema = z
  .strictObject({
    /** System message of the generator; '' sends none. */
    system: z.string().default(DEFAULT_WORDING.system),
    /** What stands after the interactions and asks for the profile. */
    instruction: z.string().min(1).default(DEFAULT_WORDING.instruction),
    /** Tokens of all interactions that the generator sees. */
    historyTokens: z.int().min(8).default(300),
    /** Longer interactions are cut to this many tokens. */
    interactionTokens: z.int().min(2).default(48),
  })
  .prefault({})

export const profileSchema = z
  .strictObject({
    /** Upper bound of a profile's tokens. */
    maxTokens: z.int().min(1).max(32768).default(96),
    /** Of the one profile a user that validation, the final test and `bump profile` sample; 0 is greedy. */
    temperature: z.number().min(0).max(5).default(0),
  })
  .prefault({})
