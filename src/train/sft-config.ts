// The configuration of LoRA-SFT but for where its examples come from: every default stands here.
import { z } from 'zod'
import { adamFields, loraFields, runFields } from './config.ts'
import { SCHEDULES } from './schedule.ts'

const count = z.int().min(1)

export const sftConfigSchema = z.strictObject({
  ...runFields,
  /** The adapter that is trained. */
  lora: z.strictObject(loraFields).prefault({}),
  batch: z
    .strictObject({
      /** Examples of one optimiser step. */
      examples: count.max(4096).default(8),
      /** Tokens, padding included, that go through the model at once; bounds memory, not the result. */
      tokens: count.default(2048),
    })
    .prefault({}),
  optim: z
    .strictObject({
      /** Passes over the examples. */
      epochs: count.max(1000).default(1),
      /** Optimiser steps in place of epochs. */
      steps: count.max(1_000_000).optional(),
      learningRate: z.number().positive().max(1).default(2e-4),
      schedule: z.enum(SCHEDULES).default('cosine'),
      /** Share of all steps (below 1) or steps over which the learning rate rises. */
      warmup: z.number().min(0).default(0.1),
      ...adamFields,
    })
    .prefault({}),
  validation: z
    .strictObject({
      /** Share of users (below 1) or number of users whose examples are held out; 0 for none. */
      users: z.number().min(0).default(0.1),
      /** Steps between validations. */
      every: count.default(10),
      /** Validations without a better one until the run stops early; 0 never stops. */
      patience: z.int().min(0).default(3),
      /** Apart from the run's seed, so that runs of other seeds validate on the same users. */
      seed: z.int().min(0).max(0xffffffff).default(0),
    })
    .prefault({}),
  checkpoint: z.strictObject({ /** Steps between checkpoints. */ every: count.default(10) }).prefault({}),
})

/** A resolved configuration. */
export type SftConfig = z.infer<typeof sftConfigSchema>
