// The configuration of LoRA-SFT but for where its examples come from: every default stands here.
import { z } from 'zod'
import { adamFields, loraFields, precisionSchema, runFields } from './config.ts'
import { engineSchema, refuseOnServer, refuseUntrainable, SERVER_READS } from './on-server.ts'
import { SCHEDULES } from './schedule.ts'

const count = z.int().min(1)

export const sftConfigSchema = z
  .strictObject({
    ...runFields,
    precision: precisionSchema,
    engine: engineSchema,
    lora: z.strictObject(loraFields).prefault({}).describe('The adapter that is trained.'),
    batch: z
      .strictObject({
        examples: count.max(4096).default(8).describe('Examples of one optimiser step.'),
        tokens: count
          .default(2048)
          .describe('Tokens, padding included, that go through the model at once; bounds memory, not the result.'),
      })
      .prefault({}),
    optim: z
      .strictObject({
        epochs: count.max(1000).default(1).describe('Passes over the examples.'),
        steps: count.max(1_000_000).optional().describe('Optimiser steps in place of epochs.'),
        learningRate: z.number().positive().max(1).default(2e-4).describe('Learning rate of AdamW.'),
        schedule: z
          .enum(SCHEDULES)
          .default('cosine')
          .describe('How the learning rate goes on after warmup; linear and cosine end at 0.'),
        warmup: z
          .number()
          .min(0)
          .default(0.1)
          .describe('Share of all steps (below 1) or steps over which the learning rate rises.'),
        ...adamFields,
      })
      .prefault({}),
    validation: z
      .strictObject({
        users: z
          .number()
          .min(0)
          .default(0.1)
          .describe('Share of users (below 1) or number of users whose examples are held out; 0 for none.'),
        every: count.default(10).describe('Steps between validations.'),
        patience: z
          .int()
          .min(0)
          .default(3)
          .describe('Validations without a better one until the run stops early; 0 never stops.'),
        seed: z
          .int()
          .min(0)
          .max(0xffffffff)
          .default(0)
          .describe("Apart from the run's seed, so that runs of other seeds validate on the same users."),
      })
      .prefault({}),
    checkpoint: z.strictObject({ every: count.default(10).describe('Steps between checkpoints.') }).prefault({}),
  })
  .superRefine(({ engine, precision, lora, optim }, context) => {
    if (!engine) return
    refuseUntrainable(context, 'lora', { type: 'lora', ...lora }, optim)
    if (precision !== 'f32') refuseOnServer(context, ['precision'], SERVER_READS)
  })

/** A resolved configuration. */
export type SftConfig = z.infer<typeof sftConfigSchema>
