// What a run's record says of its generator: the model, the settings, and the logs that it was trained on.
import { join } from 'node:path'
import { z } from 'zod'
import type { LogSource } from '../logs/types.ts'
import { PROJECTIONS, QUANTIZE } from '../model/contract.ts'
import { readGeneratorHeader } from '../run/read.ts'
import { refuseUntrusted, withoutNamed } from '../run/trust.ts'
import { BumpError } from '../util/errors.ts'
import { profileSchema, promptSchema } from './config.ts'
import type { GeneratorSettings } from './profile-users.ts'
import { definedOf } from './settings.ts'

/** What of a run's configuration decides how its generator writes. */
const runConfigSchema = z.object({
  model: z.string(),
  trainable: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('lora'),
      rank: z.number(),
      alpha: z.number(),
      targets: z.array(z.enum(PROJECTIONS)),
      rsLora: z.boolean(),
    }),
    z.object({ type: z.literal('full') }),
  ]),
  quantize: z.enum(QUANTIZE),
  engine: z.object({ type: z.string() }).optional(),
  // Without its own wording the generator would be asked something else than in training.
  prompt: promptSchema.unwrap().required().partial({ redact: true }),
  profile: profileSchema.unwrap().required(),
  seed: z.number(),
  logs: z.object({
    paths: z.array(z.string()),
    query: z.string().optional(),
    format: z.string().optional(),
    delimiter: z.string().optional(),
    quote: z.string().optional(),
    escape: z.string().optional(),
    headerLine: z.number().optional(),
    columns: z.array(z.string()).optional(),
    user: z.string().optional(),
    time: z.string().optional(),
    text: z.string().optional(),
    with: z.record(z.string(), z.string()).optional(),
  }),
})

export function generatorOfRun(run: string): { config: z.infer<typeof runConfigSchema>; modelDigest: string } {
  const header = readGeneratorHeader(run)
  const config = runConfigSchema.safeParse(header.config)
  const { digest } = header.model
  if (config.success && typeof digest === 'string') return { config: config.data, modelDigest: digest }
  throw new BumpError(
    'run-unusable',
    `${join(run, 'config.json')} was written by another version of bump: train the run anew.`,
  )
}

/** The settings that a run's generator was trained with. */
export function settingsOfRun(run: string): GeneratorSettings {
  const { prompt, profile, seed } = generatorOfRun(run).config
  return { prompt, ...profile, seed }
}

/**
 * The logs that a run was trained on, with what the caller names in their place: other paths, other columns. Throws
 * BumpError where there is no such run, or where its record brings SQL expressions along that were never used on this
 * machine, the caller names no others, and `trust` is not set.
 */
export function logsOfRun(
  run: string,
  { own = {}, trust }: { own?: Partial<LogSource>; trust?: boolean } = {},
): LogSource {
  const { user, time, text, with: tables, ...files } = generatorOfRun(run).config.logs
  const { user: ownUser, time: ownTime, text: ownText, with: ownTables, ...ownFiles } = own
  const mapping = { user, time, text, with: tables }
  const named = { user: ownUser, time: ownTime, text: ownText, with: ownTables }
  const theirs = ownFiles.paths ? mapping : { ...mapping, ...files }
  refuseUntrusted(withoutNamed(theirs, own), join(run, 'config.json'), trust)
  // Other files may be written otherwise than the run's.
  const { paths, ...written } = ownFiles
  return {
    ...definedOf({ ...mapping, ...definedOf(named), with: (tables || ownTables) && { ...tables, ...ownTables } }),
    ...(paths ? { paths } : files),
    ...definedOf(written),
  }
}
