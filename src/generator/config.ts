// Options of the profile generator, checked once at the edge: the parts of a run's configuration that decide how a
// profile is asked for and sampled.
import { z } from 'zod'
import type { GeneratorSettings } from './profile-users.ts'
import { DEFAULT_WORDING } from './prompt.ts'

export const promptSchema = z
  .strictObject({
    system: z.string().default(DEFAULT_WORDING.system).describe("System message of the generator; '' sends none."),
    instruction: z
      .string()
      .min(1)
      .default(DEFAULT_WORDING.instruction)
      .describe('What stands after the interactions and asks for the profile.'),
    historyTokens: z.int().min(8).default(300).describe('Tokens of all interactions that the generator sees.'),
    interactionTokens: z.int().min(2).default(48).describe('Longer interactions are cut to this many tokens.'),
    redact: z
      .boolean()
      .optional()
      .describe('Personal data is taken out of the interactions before the generator reads them; default: false.'),
  })
  .prefault({})

export const profileSchema = z
  .strictObject({
    maxTokens: z.int().min(1).max(32768).default(96).describe("Upper bound of a profile's tokens."),
    temperature: z
      .number()
      .min(0)
      .max(5)
      .default(0)
      .describe('Of the one profile a user that validation, the final test and `bump profile` sample; 0 is greedy.'),
  })
  .prefault({})

/** The settings of a generator that no run trained. */
export const DEFAULT_SETTINGS: GeneratorSettings = {
  prompt: promptSchema.parse(undefined),
  ...profileSchema.parse(undefined),
  seed: 1,
}
