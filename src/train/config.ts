// The configuration of a training run: one schema for YAML files, flags and the library. Every default stands here.
import { z } from 'zod'
import { DEFAULT_WORDING } from '../generator/prompt.ts'
import { judgeConfigSchema } from '../judge/config.ts'
import { LOG_FORMATS } from '../logs/types.ts'
import { PROJECTIONS } from '../model/contract.ts'
import { rewardConfigSchema } from '../reward/config.ts'
import { LOSSES, type LossName } from './losses.ts'
import { SCHEDULES } from './schedule.ts'

const count = z.int().min(1)
const part = z
  .number()
  .min(0)
  .refine((value) => value < 1 || Number.isInteger(value), 'a share below 1 or a whole number of users')

/** A LoRA adapter's shape. */
export const loraFields = {
  rank: z.int().min(1).max(1024).default(16),
  alpha: z.number().positive().default(32),
  /** Linear layers that get an adapter. */
  targets: z
    .array(z.enum(PROJECTIONS))
    .min(1)
    .default([...PROJECTIONS]),
  /** Scales by alpha/sqrt(rank) instead of alpha/rank. */
  rsLora: z.boolean().default(false),
}

/** AdamW but for its learning rate. */
export const adamFields = {
  beta1: z.number().min(0).max(0.9999).default(0.9),
  beta2: z.number().min(0).max(0.99999).default(0.999),
  eps: z.number().positive().max(1).default(1e-8),
  weightDecay: z.number().min(0).max(1).default(0),
  /** Gradients are scaled down to this norm; 0 never clips. */
  maxGradNorm: z.number().min(0).default(1),
}

/** Name and seed of a run. */
export const runFields = {
  /** Name of the run's folder. */
  name: z
    .string()
    .regex(/^\w[\w.-]*$/, 'letters, digits, dots, dashes and underscores only, not a dot first')
    .max(100),
  seed: z.int().min(0).max(0xffffffff).default(1),
}

const trainableSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('lora'), ...loraFields }),
  z.strictObject({ type: z.literal('full') }),
])

const logsSchema = z.strictObject({
  /** Files, globs or addresses. */
  paths: z.array(z.string().min(1)).min(1),
  /** Logs of the users of the final test; then no user of `paths` is tested. None may stand in both. */
  testPaths: z.array(z.string().min(1)).min(1).optional(),
  /** Default: told from name and content. */
  format: z.enum(LOG_FORMATS).optional(),
  /** Column or SQL expression of the user; default: a column of a usual name. */
  user: z.string().min(1).optional(),
  /** Column or SQL expression of the time; default: a column of a usual name, else file order. */
  time: z.string().min(1).optional(),
  /** Column or SQL expression of the text; default: a column of a usual name. */
  text: z.string().min(1).optional(),
})

const splitSchema = z
  .strictObject({
    /** P: later interactions that are held out of each user's history. */
    heldOut: count.default(1),
    /** Users with fewer interactions are skipped and counted. */
    minInteractions: z.int().min(2).default(4),
    /** Only the latest so many interactions of a history are kept; default: all. */
    maxHistory: count.optional(),
    /** Share of users (below 1) or number of users for validation. */
    validation: part.default(0.1),
    /** Share of users (below 1) or number of users for the final test. */
    test: part.default(0.2),
    /** Apart from the run's seed, so that runs of other seeds measure the same users. */
    seed: z.int().min(0).max(0xffffffff).default(0),
  })
  .prefault({})

const promptSchema = z
  .strictObject({
    /** System message of the generator; '' sends none. */
    system: z.string().default(DEFAULT_WORDING.system),
    /** What stands after the records and asks for the profile. */
    instruction: z.string().min(1).default(DEFAULT_WORDING.instruction),
    /** Tokens of all interactions that the generator sees. */
    historyTokens: z.int().min(8).default(300),
    /** Longer interactions are cut to this many tokens. */
    interactionTokens: z.int().min(2).default(48),
  })
  .prefault({})

export const trainConfigSchema = z
  .strictObject({
    /** Settings under all others; what they resolve to stands beside. */
    preset: z.enum(['paper']).optional(),
    ...runFields,
    logs: logsSchema,
    split: splitSchema,
    /** The policy: a Hugging Face folder, a .gguf file or a hub name. */
    model: z.string().min(1),
    /** What is trained. */
    trainable: trainableSchema.prefault({ type: 'lora' }),
    /** Integers that rollouts and judge read the base's matrices in; training is exact either way. Not with trainable.type full. */
    quantize: z.enum(['none', 'int8']).default('none'),
    judge: judgeConfigSchema,
    reward: rewardConfigSchema,
    prompt: promptSchema,
    rollout: z
      .strictObject({
        /** B: users in a batch. */
        users: z.int().min(2).max(4096).default(8),
        /** G: profiles sampled for each user. */
        groupSize: z.int().min(2).max(1024).default(8),
        temperature: z.number().positive().max(5).default(1),
      })
      .prefault({}),
    optim: z
      .strictObject({
        loss: z.enum(Object.keys(LOSSES) as [LossName, ...LossName[]]).default('dapo'),
        steps: z.int().min(1).max(1_000_000).default(40),
        learningRate: z.number().positive().max(1).default(1e-4),
        schedule: z.enum(SCHEDULES).default('constant'),
        /** Steps over which the learning rate rises. */
        warmup: z.int().min(0).default(0),
        /** Optimiser steps on each batch of rollouts. */
        numUpdates: z.int().min(1).max(64).default(1),
        clipLow: z.number().positive().max(1).default(0.2),
        clipHigh: z.number().positive().max(100).default(0.2),
        /** β of the KL penalty to the frozen base; 0 is off. */
        klCoef: z.number().min(0).default(0),
        scaleRewards: z.enum(['group', 'batch', 'none']).default('group'),
        /** Completions cut at the token limit give no gradient. */
        maskTruncated: z.boolean().default(false),
        /** Truncated importance sampling between sampler and trainer. */
        importanceSampling: z
          .strictObject({ enabled: z.boolean().default(false), cap: z.number().min(1).default(2) })
          .prefault({}),
        ...adamFields,
      })
      .prefault({}),
    profile: z
      .strictObject({
        /** Upper bound of a profile's tokens. */
        maxTokens: z.int().min(1).max(32768).default(96),
        /** Of the one profile a user that validation, the final test and `bump profile` sample; 0 is greedy. */
        temperature: z.number().min(0).max(5).default(0),
      })
      .prefault({}),
    validation: z
      .strictObject({
        /** Steps between validations. */
        every: count.default(10),
        /** At most this many users of the validation part. */
        maxUsers: z.int().min(2).default(32),
        /** Validations without a better one until the run stops early; 0 never stops. */
        patience: z.int().min(0).default(0),
        /** The checkpoint that the run ends with. Few users choose the best by noise: compare short runs by their last. */
        select: z.enum(['best', 'last']).default('best'),
      })
      .prefault({}),
    /** At most this many users of the test part are measured at the end. */
    test: z.strictObject({ maxUsers: z.int().min(2).default(200) }).prefault({}),
    checkpoint: z.strictObject({ /** Steps between checkpoints. */ every: count.default(5) }).prefault({}),
  })
  .refine(({ quantize, trainable }) => quantize === 'none' || trainable.type === 'lora', {
    path: ['quantize'],
    error: 'full fine-tuning changes the weights: quantize is for LoRA',
  })

/** A resolved configuration. */
export type TrainConfig = z.infer<typeof trainConfigSchema>

/** A configuration as a user writes it: everything with a default may be left out. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>

/** Settings by name, under everything that the user sets. `paper`: the paper's own choices where they are known. */
export const PRESETS: Record<string, Record<string, unknown>> = {
  paper: {
    model: 'Qwen/Qwen3-4B-Instruct-2507',
    judge: { scorer: 'listwise', decoder: 'permutation', orders: 2 },
    reward: { positives: 1, negatives: 8, forwardWeight: 1, backwardWeight: 1 },
    rollout: { groupSize: 8, temperature: 1 },
  },
}
