// The configuration of a training run: one schema for YAML files, flags and the library. Every default stands here.
import { z } from 'zod'
import { profileSchema, promptSchema } from '../generator/config.ts'
import { anyJudgeConfigSchema, judgeConfigSchema } from '../judge/config.ts'
import { logFormatNames } from '../logs/formats/formats.ts'
import { DEFAULT_MIN_INTERACTIONS } from '../logs/split.ts'
import { PRECISIONS, PROJECTIONS, QUANTIZE } from '../model/contract.ts'
import { LORA_DEFAULTS } from '../model/trainable.ts'
import { rewardConfigSchema } from '../reward/config.ts'
import { LOSSES, type LossName } from './losses.ts'
import { engineSchema, refuseOnServer, refuseUntrainable, SERVER_READS } from './on-server.ts'
import { SCHEDULES } from './schedule.ts'

const count = z.int().min(1)
const part = z
  .number()
  .min(0)
  .refine((value) => value < 1 || Number.isInteger(value), 'a share below 1 or a whole number of users')

/** A LoRA adapter's shape. */
export const loraFields = {
  rank: z.int().min(1).max(1024).default(LORA_DEFAULTS.rank).describe('Rank of the adapter.'),
  alpha: z.number().positive().default(LORA_DEFAULTS.alpha).describe('The adapter adds alpha/rank times its product.'),
  targets: z
    .array(z.enum(PROJECTIONS))
    .min(1)
    .default(LORA_DEFAULTS.targets)
    .describe('Linear layers that get an adapter.'),
  rsLora: z.boolean().default(LORA_DEFAULTS.rsLora).describe('Scales by alpha/sqrt(rank) instead of alpha/rank.'),
}

/** AdamW but for its learning rate. */
export const adamFields = {
  beta1: z.number().min(0).max(0.9999).default(0.9).describe('Decay of the mean of the gradients.'),
  beta2: z.number().min(0).max(0.99999).default(0.999).describe('Decay of the mean of their squares.'),
  eps: z.number().positive().max(1).default(1e-8).describe('Added to the root in the denominator.'),
  weightDecay: z.number().min(0).max(1).default(0).describe('Decoupled weight decay, times the learning rate.'),
  maxGradNorm: z.number().min(0).default(1).describe('Gradients are scaled down to this norm; 0 never clips.'),
}

/** Name and seed of a run. */
/** What a base's products are computed in while it is trained. */
export const precisionSchema = z
  .enum(PRECISIONS)
  .default('f32')
  .describe(
    "What the base's products are computed in. int8: faster and in far less memory, with gradients that are off by a little.",
  )

export const runFields = {
  name: z
    .string()
    .regex(/^\w[\w.-]*$/, 'letters, digits, dots, dashes and underscores only, not a dot first')
    .max(100)
    .describe(
      "Name of the run's folder; the command line makes one of logs and model, train() takes the last part of `out`.",
    ),
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .default(1)
    .describe('Seed of the run: order of users, profiles sampled, pools, orders shown and the adapter at the start.'),
}

const trainableSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('lora'), ...loraFields }),
  z.strictObject({ type: z.literal('full') }),
])

export const logsSchema = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .min(1)
    .describe('Files, globs or addresses; with `query`, databases: SQLite files, postgres:// addresses.'),
  testPaths: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Logs of the users of the final test; then no user of `paths` is tested. None may stand in both.'),
  query: z.string().min(1).optional().describe('Of databases: the SELECT whose rows are the log.'),
  format: z
    .string()
    .refine((name) => logFormatNames().includes(name), {
      error: () => `expected one of ${logFormatNames().join(', ')}`,
    })
    .optional()
    .describe('Default: told from name and content.'),
  user: z
    .string()
    .min(1)
    .optional()
    .describe('Column or SQL expression of the user; default: a column of a usual name.'),
  time: z
    .string()
    .min(1)
    .optional()
    .describe('Column or SQL expression of the time; default: a column of a usual name, else file order.'),
  text: z
    .string()
    .min(1)
    .optional()
    .describe('Column or SQL expression of the text; default: a column of a usual name.'),
  delimiter: z.string().min(1).optional().describe('CSV: what stands between fields; default: told from the file.'),
  quote: z
    .string()
    .max(1)
    .optional()
    .describe('CSV, TSV: around fields, empty where quotes are letters; default: told from the file.'),
  escape: z
    .string()
    .max(1)
    .optional()
    .describe('CSV, TSV: before a quote that is a letter, empty where it is doubled; default: told from the file.'),
  headerLine: z
    .int()
    .min(0)
    .optional()
    .describe('CSV, TSV: line of the header, 0 for none (column0, column1, ...); default: told from the file.'),
  columns: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('CSV, TSV without a header: a name for each field; with `headerLine`, in place of what that line says.'),
  with: z
    .record(z.string(), z.string().min(1))
    .optional()
    .describe('Files, globs or addresses that the expressions may join, by the names of their tables.'),
})

const splitSchema = z
  .strictObject({
    heldOut: count.default(1).describe("P: later interactions that are held out of each user's history."),
    minInteractions: z
      .int()
      .min(2)
      .default(DEFAULT_MIN_INTERACTIONS)
      .describe('Users with fewer interactions are skipped and counted.'),
    maxHistory: count.optional().describe('Only the latest so many interactions of a history are kept; default: all.'),
    validation: part.default(0.1).describe('Share of users (below 1) or number of users for validation.'),
    test: part.default(0.2).describe('Share of users (below 1) or number of users for the final test.'),
    seed: z
      .int()
      .min(0)
      .max(0xffffffff)
      .default(0)
      .describe("Apart from the run's seed, so that runs of other seeds measure the same users."),
  })
  .prefault({})

export const trainConfigSchema = z
  .strictObject({
    preset: z
      .enum(['paper', 'private'])
      .optional()
      .describe('Settings under all others; what they resolve to stands beside.'),
    ...runFields,
    logs: logsSchema,
    split: splitSchema,
    model: z.string().min(1).describe('What becomes the generator: a Hugging Face folder, a .gguf file or a hub name.'),
    trainable: trainableSchema.prefault({ type: 'lora' }).describe('What is trained.'),
    quantize: z
      .enum(QUANTIZE)
      .optional()
      .describe(
        "Integers that rollouts and judge read the base's matrices in; default: int8 for LoRA on models of 100 M parameters and more, on a processor with VNNI, AMX or of arm64. Not with trainable.type full, nor on a GPU.",
      ),
    precision: precisionSchema.describe(
      "What training computes the base's products in. int8: faster and in far less memory, with gradients that are off by a little; quantize is then int8 too.",
    ),
    engine: engineSchema,
    judge: anyJudgeConfigSchema,
    reward: rewardConfigSchema,
    prompt: promptSchema,
    rollout: z
      .strictObject({
        users: z.int().min(2).max(4096).default(8).describe('B: users in a batch.'),
        groupSize: z.int().min(2).max(1024).default(8).describe('G: profiles sampled for each user.'),
        temperature: z.number().positive().max(5).default(1).describe('Temperature of the rollouts.'),
      })
      .prefault({}),
    optim: z
      .strictObject({
        loss: z
          .enum(Object.keys(LOSSES) as [LossName, ...LossName[]])
          .default('dapo')
          .describe('The policy loss (docs/method.md §8).'),
        steps: z.int().min(1).max(1_000_000).default(40).describe('Training steps; each is one batch of rollouts.'),
        learningRate: z.number().positive().max(1).default(1e-4).describe('Learning rate of AdamW.'),
        schedule: z
          .enum(SCHEDULES)
          .default('constant')
          .describe('How the learning rate goes on after warmup; linear and cosine end at 0.'),
        warmup: z.int().min(0).default(0).describe('Steps over which the learning rate rises.'),
        numUpdates: z.int().min(1).max(64).default(1).describe('Optimiser steps on each batch of rollouts.'),
        clipLow: z
          .number()
          .positive()
          .max(1)
          .default(0.2)
          .describe('ε below: ratios of new to old probability under 1 − clipLow are clipped; cispo clips above only.'),
        clipHigh: z
          .number()
          .positive()
          .max(100)
          .default(0.2)
          .describe('ε above: ratios over 1 + clipHigh are clipped.'),
        klCoef: z.number().min(0).default(0).describe('β of the KL penalty to the frozen base; 0 is off.'),
        scaleRewards: z
          .enum(['group', 'batch', 'none'])
          .default('group')
          .describe('What advantages are divided by: the standard deviation of their group, of the batch, or nothing.'),
        maskTruncated: z.boolean().default(false).describe('Completions cut at the token limit give no gradient.'),
        importanceSampling: z
          .strictObject({
            enabled: z
              .boolean()
              .default(false)
              .describe('Weights each token by how likely the trainer finds it, over how likely the sampler did.'),
            cap: z.number().min(1).default(2).describe('Upper bound of these weights.'),
          })
          .prefault({})
          .describe('Truncated importance sampling between sampler and trainer.'),
        ...adamFields,
      })
      .prefault({}),
    profile: profileSchema,
    validation: z
      .strictObject({
        every: count.default(10).describe('Steps between validations.'),
        maxUsers: z.int().min(2).default(32).describe('At most this many users of the validation part.'),
        patience: z
          .int()
          .min(0)
          .default(0)
          .describe('Validations without a better one until the run stops early; 0 never stops.'),
        select: z
          .enum(['best', 'last'])
          .default('best')
          .describe(
            'The checkpoint that the run ends with. Few users choose the best by noise: compare short runs by their last.',
          ),
      })
      .prefault({}),
    test: z
      .strictObject({
        maxUsers: z.int().min(2).default(200).describe('At most this many users of the test part are measured.'),
        judges: z
          .array(judgeConfigSchema)
          .min(1)
          .optional()
          .describe(
            'Judges that took no part in the reward and measure the same profiles beside it, each a section like `judge`.',
          ),
      })
      .prefault({})
      .describe('The final test, before and after, on users that no choice of the run has seen.'),
    checkpoint: z.strictObject({ every: count.default(5).describe('Steps between checkpoints.') }).prefault({}),
  })
  .overwrite((config) => (config.precision === 'int8' ? { ...config, quantize: 'int8' } : config))
  .refine(({ quantize = 'none', trainable }) => quantize === 'none' || trainable.type === 'lora', {
    path: ['quantize'],
    error: 'full fine-tuning changes the weights: quantize and precision are for LoRA',
  })
  .superRefine(({ engine, trainable, quantize = 'none', rollout, profile, optim }, context) => {
    if (!engine) return
    const refuse = (path: string[], message: string) => refuseOnServer(context, path, message)
    refuseUntrainable(context, 'trainable', trainable, optim)
    if (quantize !== 'none') refuse(['quantize'], SERVER_READS)
    if (rollout.temperature !== 1)
      refuse(['rollout', 'temperature'], 'log probabilities are of temperature 1, so rollouts are sampled at 1')
    if (profile.temperature !== 0 && profile.temperature !== 1)
      refuse(['profile', 'temperature'], 'profiles are sampled at 1, or greedily at 0')
  })
  .superRefine(({ reward, split }, context) => {
    if (reward.type !== 'bidirectional' || !reward.hardExamples?.positives) return
    if (split.heldOut <= reward.positives)
      context.addIssue({
        code: 'custom',
        path: ['reward', 'hardExamples', 'positives'],
        message: `nothing to choose: all ${split.heldOut} held-out interactions (split.heldOut) are positives (reward.positives ${reward.positives}). Raise split.heldOut, or set this to false`,
      })
  })

/** A resolved configuration. */
export type TrainConfig = z.infer<typeof trainConfigSchema>

/** A configuration as a user writes it: everything with a default may be left out. */
export type TrainConfigInput = z.input<typeof trainConfigSchema>

/**
 * Settings by name, under everything that the user sets. `paper`: the paper's own choices where they are known.
 * `private`: shorter profiles that copy less, of histories without personal data, held near the base, so that the
 * adapter tells less of who trained it (docs/method.md §11).
 */
export const PRESETS: Record<string, Record<string, unknown>> = {
  paper: {
    model: 'Qwen/Qwen3-4B-Instruct-2507',
    judge: { scorer: 'listwise', decoder: 'permutation', orders: 2 },
    reward: { positives: 1, negatives: 8, forwardWeight: 1, backwardWeight: 1 },
    rollout: { groupSize: 8, temperature: 1 },
  },
  private: {
    prompt: { redact: true },
    reward: { lengthBudget: 32, maxCopiedNgram: 3 },
    profile: { maxTokens: 48 },
    optim: { klCoef: 0.02 },
  },
}
