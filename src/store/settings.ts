// The settings of a project: what `project.settings` holds, checked once at the edge.
import { z } from 'zod'
import { SENSITIVE_CATEGORIES } from '../safety/sensitive-words.ts'
import { BumpError } from '../util/errors.ts'

const refreshSchema = z
  .strictObject({
    firstAfter: z.int().min(1).default(5).describe('Interactions of a user before their first profile is written.'),
    newAtLeast: z.int().min(1).default(3).describe('New interactions that make a profile due, at least.'),
    newShare: z.number().min(0).max(1).default(0.2).describe('And at least this share of all that the user has.'),
    newCharacters: z.int().min(1).default(2048).describe('Characters of new interactions that make it due alone.'),
    staleDays: z.number().positive().default(7).describe('Days after which one new interaction makes it due.'),
    quietSeconds: z.number().min(0).default(60).describe('Seconds without new interactions that are waited for.'),
    longestWaitSeconds: z.number().min(0).default(600).describe('Longest such wait.'),
    pauseSeconds: z.number().min(0).default(900).describe('Seconds between two refreshes of one user, at least.'),
    perDay: z.int().min(1).optional().describe('Refreshes of the project in 24 hours, at most; default: no bound.'),
  })
  .prefault({})

const gateSchema = z
  .strictObject({
    floor: z
      .number()
      .min(0)
      .max(1)
      .default(0.13)
      .describe('How much worse than the served profile a new one may score; measured by `bump serve calibrate`.'),
    runningFloor: z
      .number()
      .min(0)
      .max(1)
      .default(0.06)
      .describe('The same by at least 10 interactions that came after publishing; worse is rolled back.'),
    release: z
      .boolean()
      .default(true)
      .describe('Compare another generator with what is served before it writes; worse it writes nothing.'),
  })
  .prefault({})

const projectSettingsSchema = z
  .strictObject({
    refresh: refreshSchema,
    gate: gateSchema,
    retainDays: z.number().positive().optional().describe('Interactions older than this are deleted.'),
    interactionsPerUser: z.int().min(1).max(100_000).default(10_000).describe('Interactions kept of a user, at most.'),
    deny: z
      .array(z.string().min(1).max(200))
      .max(100)
      .default([])
      .describe('What no profile of the project may say: sentences with all words of an entry are cut.'),
    upstreamKey: z
      .string()
      .regex(/^OPENAI_API_KEY_[A-Z0-9_]{1,40}$/, 'expected the name of a variable that begins with OPENAI_API_KEY_')
      .optional()
      .describe(
        "Environment variable of the server with the project's own key of the upstream; default OPENAI_API_KEY.",
      ),
    allow: z
      .array(z.enum(SENSITIVE_CATEGORIES))
      .default([])
      .describe('Sensitive categories that profiles may tell of, because the project has a ground for it.'),
  })
  .prefault({})

export type ProjectSettings = z.infer<typeof projectSettingsSchema>
/** The settings as they are given: what is left out is the default. */
export type ProjectSettingsInput = z.input<typeof projectSettingsSchema>

/** The settings with all defaults. Throws BumpError (`invalid-options`) with every setting that has no usable value. */
export function projectSettings(given: unknown): ProjectSettings {
  const checked = projectSettingsSchema.safeParse(given)
  if (checked.success) return checked.data
  const problems = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`)
  throw new BumpError('invalid-options', `settings of the project: ${problems.join('; ')}`)
}
