// What the files of a run folder hold: the only schemas of them. train/ and lamp/ write such folders, generator/,
// evaluate/ and report/ read them. The configuration inside config.json is train/config.ts's (or that of bump sft).
//
//   config.json          RunHeader
//   users.json           RunUsers
//   metrics.jsonl        a line a step or validation: numbers by name, null where a step gave none (metrics.ts)
//   rollouts.jsonl       a line a sampled profile: RolloutLine
//   checkpoints/step-N/  the model's state, and loop.json: LoopState
//   profiles.jsonl       a line a test user: ProfileLine
//   summary.json         Summary (bump train) or SftSummary (bump sft)
//   judge-answers.jsonl  what a server answered to a judge, by content (judge/score-file.ts)
//   forgotten.json       when people were taken out of the folder (forget.ts)
//   mlflow.json          where the run is followed, and its id there (mlflow/tracked-run.ts)
import { z } from 'zod'

const intervalSchema = z.object({ mean: z.number(), low: z.number(), high: z.number() })

const directionsSchema = z.object({ forward: intervalSchema, backward: intervalSchema, both: intervalSchema })

/** NDCG with 95% bootstrap intervals over users; `both` is the mean of the two directions. */
export type DirectionIntervals = z.infer<typeof directionsSchema>

const identitySchema = z.record(z.string(), z.unknown())

export const runHeaderSchema = z.object({
  /** `sft`: a task backbone adapted by bump sft; absent: a profile generator trained by bump train. */
  kind: z.literal('sft').optional(),
  /** The resolved configuration. */
  config: identitySchema,
  /** The program that started the run. */
  package: z.object({ name: z.string(), version: z.string() }),
  /** What was trained: name, digest and size of the model. */
  model: identitySchema,
  /** What judged, where profiles were trained. */
  judge: identitySchema.optional(),
  /** What else measured in the final test. */
  testJudges: z.array(identitySchema).optional(),
  /** The encoder that chooses hard examples. */
  embedder: identitySchema.optional(),
  /** What decides the reward besides configuration and judge, where it is one of your own. */
  reward: identitySchema.optional(),
  /** Digest of the users (or examples), and how many each part has. */
  data: identitySchema,
})

/** config.json; a resumed run must agree with all of it but `package`. */
export type RunHeader = z.infer<typeof runHeaderSchema>

export const runUsersSchema = z.object({
  train: z.array(z.string()),
  validation: z.array(z.string()),
  test: z.array(z.string()),
})

/** users.json: ids of the users of each part, in the run's order. */
export type RunUsers = z.infer<typeof runUsersSchema>

export const loopStateSchema = z.object({
  /** Complete training steps. */
  step: z.int().min(0),
  /** Step of the last validation; -1 before the first. */
  validatedAt: z.int().min(-1),
  best: z.object({ step: z.int().min(0), score: z.number() }).nullable(),
  /** Validations since the best one. */
  worse: z.int().min(0),
  /** Tokens of prompts and completions so far. */
  tokens: z.number(),
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: z.record(z.string(), z.number()),
  /** Bytes of each log at this state. */
  bytes: z.record(z.string(), z.int().min(0)),
})

/** Where the loop stands. Random numbers need no state: they derive from (seed, step, user, rollout). */
export type LoopState = z.infer<typeof loopStateSchema>

export const rolloutLineSchema = z.looseObject({
  step: z.number(),
  user: z.string(),
  /** Place in the group, from 0. */
  rollout: z.number(),
  profile: z.string(),
  /** What GRPO trained on; the terms that it is made of stand beside it under their names. */
  reward: z.number(),
  /** Penalties, subtracted. */
  length: z.number(),
  copied: z.number(),
  /** Tokens sampled. */
  tokens: z.number(),
  stop: z.string(),
  advantage: z.number(),
  /** False where the group's raw reward did not vary: it gave no gradient. */
  kept: z.boolean(),
})

/** A line of rollouts.jsonl. */
export type RolloutLine = z.infer<typeof rolloutLineSchema>

const ndcgSchema = z.object({ forward: z.number(), backward: z.number() })

const testedProfileSchema = z.object({
  profile: z.string(),
  tokens: z.number(),
  forward: z.number(),
  backward: z.number(),
  /** By each of several judges and each other judge of the test. */
  judges: z.record(z.string(), ndcgSchema).optional(),
})

export const profileLineSchema = z.object({
  user: z.string(),
  /** Digest of the user's interactions, by which later evaluations see whether the logs have changed. */
  interactions: z.string().optional(),
  /** Zero-shot, by the frozen base. */
  before: testedProfileSchema,
  /** By the best checkpoint. */
  after: testedProfileSchema,
})

/** A line of profiles.jsonl: a test user's profiles with their length and NDCG. */
export type ProfileLine = z.infer<typeof profileLineSchema>

const taskValuesSchema = z.record(z.string(), intervalSchema)

const taskComparisonSchema = z.object({
  /** 'LaMP-5'. */
  task: z.string(),
  users: z.number(),
  questions: z.number(),
  /** By metric, with bootstrap 95% intervals over users. */
  before: taskValuesSchema,
  after: taskValuesSchema,
  /** after − before, paired. */
  difference: taskValuesSchema,
})

/** A task's own metrics on users never trained on, where the reward was a task's metric. */
export type TaskComparison = z.infer<typeof taskComparisonSchema>

const judgedSchema = z.object({
  /** As metrics call the judge. */
  name: z.string(),
  /** What decides its scores. */
  judge: identitySchema,
  /** Whether it took part in the reward. */
  rewarded: z.boolean(),
  before: directionsSchema,
  after: directionsSchema,
  difference: directionsSchema,
})

/** The final test by one more judge. */
export type JudgedComparison = z.infer<typeof judgedSchema>

export const summarySchema = z.object({
  /** Zero-shot profiles of the frozen base. */
  before: directionsSchema,
  /** Profiles of the best checkpoint. */
  after: directionsSchema,
  /** after − before, paired by user. */
  difference: directionsSchema,
  controls: z.object({
    /** The raw history in the profile's place. */
    history: directionsSchema,
    /** After, with every user given another user's profile: must be at chance. Null for fewer than 3 users. */
    mismatched: directionsSchema.nullable(),
  }),
  /** The same profiles in the same pools, by each of several judges and each other judge of the test. */
  judges: z.array(judgedSchema).optional(),
  /** Where the reward was a task's metric and the test users have questions of it. */
  task: taskComparisonSchema.optional(),
  /** NDCG of a random order in the same pools. */
  chance: z.object({ forward: z.number(), backward: z.number() }),
  /** Test users measured. */
  users: z.number(),
  /** Steps trained; fewer than configured after an early stop. */
  steps: z.number(),
  bestStep: z.number(),
  seed: z.number(),
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: z.record(z.string(), z.number()),
  /** Of the process that ended the run. */
  peakMemoryBytes: z.number(),
  model: identitySchema,
  judge: identitySchema.optional(),
  data: identitySchema,
})

/** summary.json of bump train. */
export type Summary = z.infer<typeof summarySchema>

const partsSchema = z.object({ train: z.number(), validation: z.number() })

export const sftSummarySchema = z.looseObject({
  /** Mean cross-entropy over the target tokens of held-out users before training and at the best; null without any. */
  validationLoss: z.object({ first: z.number(), best: z.number() }).nullable(),
  /** Steps trained; fewer than configured after an early stop. */
  steps: z.number(),
  bestStep: z.number(),
  /** Passes over the training examples. */
  epochs: z.number(),
  examples: partsSchema,
  users: partsSchema,
  seed: z.number(),
  /** Wall-clock seconds by phase, over all processes of the run. */
  seconds: z.record(z.string(), z.number()),
  peakMemoryBytes: z.number(),
  model: identitySchema,
  data: identitySchema,
})

/** summary.json of bump sft, with what its examples are (task, condition). */
export type SftSummary = z.infer<typeof sftSummarySchema>
