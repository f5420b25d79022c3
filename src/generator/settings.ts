// What a caller says of how a generator writes, checked and put over what is there.
import { z } from 'zod'
import { BumpError } from '../util/errors.ts'
import { profileSchema, promptSchema } from './config.ts'
import type { PromptBudget } from './history.ts'
import type { GeneratorSettings } from './profile-users.ts'

/** Settings that a caller names; the others are those of the run, else the defaults. */
export interface SettingsOptions {
  /** Words and budgets of the prompt; what is left out is as the run has it, else as a run's default. */
  prompt?: Partial<PromptBudget>
  /** Upper bound of a profile's tokens; default: as the run, else 96. */
  maxTokens?: number
  /** 0 is greedy; default: as the run, else 0. */
  temperature?: number
  /** Of the sampling, at a temperature above 0; default: as the run, else 1. */
  seed?: number
}

/** The options that decide how the generator writes. */
const settingsSchema = z.strictObject({
  prompt: z.strictObject(promptSchema.unwrap().shape).partial().optional(),
  maxTokens: profileSchema.unwrap().shape.maxTokens.optional(),
  temperature: profileSchema.unwrap().shape.temperature.optional(),
  seed: z.int().min(0).optional(),
  users: z.int().min(1).optional(),
})

/** Throws BumpError `invalid-options` with every option that has no usable value. */
export function checkSettings({
  prompt,
  maxTokens,
  temperature,
  seed,
  users,
}: SettingsOptions & { users?: number }): void {
  const checked = settingsSchema.safeParse({ prompt, maxTokens, temperature, seed, users })
  if (checked.success) return
  const problems = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new BumpError('invalid-options', `openGenerator(): ${problems.join('; ')}`)
}

/** The settings of a run, or the defaults, with those of the caller over them. */
export function settingsOf(under: GeneratorSettings, options: SettingsOptions): GeneratorSettings {
  return {
    prompt: { ...under.prompt, ...definedOf(options.prompt ?? {}) },
    maxTokens: options.maxTokens ?? under.maxTokens,
    temperature: options.temperature ?? under.temperature,
    seed: options.seed ?? under.seed,
  }
}

/** What has a value. */
export function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
