// What each name in metrics.jsonl means: the only table of them. docs/metrics.md is written from it (`npm run docs`),
// and a test holds that no run logs a name that is not here.

export interface Metric {
  /** The command whose runs log it; `both`: bump train and bump sft. */
  run: 'train' | 'sft' | 'both'
  /** The lines it stands in: one a training step, one a validation. */
  line: 'step' | 'validation' | 'both'
  /** Unit, or range of values. */
  unit: string
  meaning: string
  /** `same`: as TRL logs it under this name; other text: how it differs; absent: bump's own. */
  trl?: string
}

/**
 * By name, in the order in which they are logged. A part in <angle brackets> stands for any name: `<term>` for a term
 * of the reward (`forward` and `backward` of the bidirectional one), `<judge>` for one of several judges by its scorer
 * (`likelihood`, `embedding`, `likelihood2`), `<direction>` for `forward` or `backward`, `<count>` for something that a
 * judge counts.
 */
export const METRICS: Readonly<Record<string, Metric>> = {
  step: {
    run: 'both',
    line: 'both',
    unit: 'steps',
    meaning: 'Training steps done; 0 is before the first.',
    trl: 'same',
  },

  reward: {
    run: 'train',
    line: 'step',
    unit: 'reward',
    meaning: 'Mean total reward of the rollouts: the terms with their weights, less the penalties.',
    trl: 'same',
  },
  reward_std: {
    run: 'train',
    line: 'step',
    unit: 'reward',
    meaning: "Mean over the groups of a group's standard deviation (n − 1) of the total reward.",
    trl: 'same',
  },
  'rewards/<term>/mean': {
    run: 'train',
    line: 'step',
    unit: 'term',
    meaning: 'Mean of a term before its weight; `forward` and `backward` are NDCG, from 0 to 1.',
    trl: 'same, with a term in the place of a reward function',
  },
  'rewards/<term>/std': {
    run: 'train',
    line: 'step',
    unit: 'term',
    meaning: 'Standard deviation (n − 1) of the term over all rollouts.',
    trl: 'same, with a term in the place of a reward function',
  },
  'rewards/<judge>/<direction>/mean': {
    run: 'train',
    line: 'step',
    unit: 'NDCG',
    meaning: 'Of several judges: mean NDCG by this one; `rewards/forward/mean` and its like are of all together.',
  },
  'rewards/<judge>/<direction>/std': {
    run: 'train',
    line: 'step',
    unit: 'NDCG',
    meaning: 'Standard deviation (n − 1) of it over all rollouts.',
  },
  'rewards/length/mean': {
    run: 'train',
    line: 'step',
    unit: 'reward, 0 or less',
    meaning: 'What the penalty for length adds to the reward, on average.',
  },
  'rewards/copied/mean': {
    run: 'train',
    line: 'step',
    unit: 'reward, 0 or less',
    meaning: 'What the penalty for text copied from the history adds to the reward, on average.',
  },
  'chance/forward': {
    run: 'train',
    line: 'step',
    unit: 'NDCG',
    meaning: 'Mean NDCG of a random order in the same forward pools.',
  },
  'chance/backward': {
    run: 'train',
    line: 'step',
    unit: 'NDCG',
    meaning: 'Mean NDCG of a random order in the same backward pools.',
  },
  frac_reward_zero_std: {
    run: 'train',
    line: 'step',
    unit: 'share of groups',
    meaning: 'Groups whose total reward does not vary.',
    trl: 'same',
  },
  dropped_groups: {
    run: 'train',
    line: 'step',
    unit: 'groups',
    meaning: 'Groups whose raw reward, before the penalties, varies by no more than 1e-6: they give no gradient.',
  },
  'completions/mean_length': {
    run: 'train',
    line: 'step',
    unit: 'tokens',
    meaning: 'Mean length of the sampled profiles, the stop token included.',
    trl: 'same',
  },
  'completions/min_length': {
    run: 'train',
    line: 'step',
    unit: 'tokens',
    meaning: 'Length of the shortest of them.',
    trl: 'same',
  },
  'completions/max_length': {
    run: 'train',
    line: 'step',
    unit: 'tokens',
    meaning: 'Length of the longest of them.',
    trl: 'same',
  },
  'completions/clipped_ratio': {
    run: 'train',
    line: 'step',
    unit: 'share of rollouts',
    meaning: 'Rollouts that were cut at profile.maxTokens.',
    trl: 'same',
  },
  'completions/empty_ratio': {
    run: 'train',
    line: 'step',
    unit: 'share of rollouts',
    meaning: 'Empty profiles: their reward is 0.',
  },
  'judge/<count>': {
    run: 'train',
    line: 'step',
    unit: 'count',
    meaning:
      'What the reward asked of models: `pairs` of query and candidate, and `tokens` read or written; `answers` of the label reward.',
  },
  loss: {
    run: 'both',
    line: 'step',
    unit: 'loss; nats in bump sft',
    meaning:
      'The policy loss with its KL term, mean over the updates of the step; in bump sft the mean cross-entropy over the target tokens.',
    trl: 'same',
  },
  entropy: {
    run: 'both',
    line: 'step',
    unit: 'nats',
    meaning: "Mean entropy of the policy's next token, over the tokens that weigh in the loss.",
    trl: 'same',
  },
  kl: {
    run: 'train',
    line: 'step',
    unit: 'nats',
    meaning:
      'Mean k3 estimate of the KL divergence from the frozen base; null where optim.klCoef is 0: it is not measured.',
    trl: 'same, but that TRL leaves the name out where it is not measured',
  },
  'clip_ratio/low_mean': {
    run: 'train',
    line: 'step',
    unit: 'share of tokens',
    meaning: 'Tokens with a ratio below 1 − clipLow and a negative advantage, mean over the rollouts.',
    trl: 'same',
  },
  'clip_ratio/low_min': {
    run: 'train',
    line: 'step',
    unit: 'share of tokens',
    meaning: 'The least such share of a rollout.',
    trl: 'same',
  },
  'clip_ratio/high_mean': {
    run: 'train',
    line: 'step',
    unit: 'share of tokens',
    meaning: 'Tokens with a ratio above 1 + clipHigh and a positive advantage, mean over the rollouts.',
    trl: 'same',
  },
  'clip_ratio/high_max': {
    run: 'train',
    line: 'step',
    unit: 'share of tokens',
    meaning: 'The largest such share of a rollout.',
    trl: 'same',
  },
  'clip_ratio/region_mean': {
    run: 'train',
    line: 'step',
    unit: 'share of tokens',
    meaning: 'Tokens clipped on either side, mean over the rollouts.',
    trl: 'same',
  },
  'sampling/sampling_logp_difference/mean': {
    run: 'train',
    line: 'step',
    unit: 'nats',
    meaning:
      "Mean distance between the trainer's and the sampler's log probability of a token, before the first update.",
    trl: 'same',
  },
  'sampling/sampling_logp_difference/max': {
    run: 'train',
    line: 'step',
    unit: 'nats',
    meaning: 'The largest such distance.',
    trl: 'same',
  },
  'sampling/importance_sampling_ratio/min': {
    run: 'train',
    line: 'step',
    unit: 'ratio',
    meaning: "Least ratio of the trainer's to the sampler's probability of a token, before the first update.",
    trl: 'differs: before optim.importanceSampling.cap, where TRL caps first',
  },
  'sampling/importance_sampling_ratio/mean': {
    run: 'train',
    line: 'step',
    unit: 'ratio',
    meaning: 'The mean ratio.',
    trl: 'differs, as the least one',
  },
  'sampling/importance_sampling_ratio/max': {
    run: 'train',
    line: 'step',
    unit: 'ratio',
    meaning: 'The largest ratio.',
    trl: 'differs, as the least one',
  },
  grad_norm: {
    run: 'both',
    line: 'step',
    unit: 'norm',
    meaning: 'Norm of the gradient before it is scaled down to optim.maxGradNorm, mean over the updates of the step.',
    trl: 'same',
  },
  learning_rate: {
    run: 'both',
    line: 'step',
    unit: 'rate',
    meaning: 'Learning rate of the step.',
    trl: 'same',
  },
  epoch: {
    run: 'sft',
    line: 'both',
    unit: 'passes',
    meaning: 'Passes over the training examples so far.',
    trl: 'same',
  },
  'time/rollout': { run: 'train', line: 'step', unit: 'seconds', meaning: 'Wall-clock time of sampling.' },
  'time/judge': { run: 'train', line: 'step', unit: 'seconds', meaning: 'Wall-clock time of the reward.' },
  'time/train': { run: 'train', line: 'step', unit: 'seconds', meaning: 'Wall-clock time of the updates.' },
  num_tokens: {
    run: 'both',
    line: 'step',
    unit: 'tokens',
    meaning: 'Tokens of prompts and completions since the run began; a prompt counts with each of its completions.',
    trl: 'same',
  },
  step_time: { run: 'both', line: 'step', unit: 'seconds', meaning: 'Wall-clock time of the step.', trl: 'same' },

  'eval/<term>': {
    run: 'train',
    line: 'validation',
    unit: 'term',
    meaning:
      "Mean of a term over the validation users' profiles, one each: `forward` and `backward` NDCG, or the terms of another reward.",
  },
  'eval/<judge>/<direction>': {
    run: 'train',
    line: 'validation',
    unit: 'NDCG',
    meaning: "Of several judges: mean NDCG of the validation users' profiles by this one.",
  },
  'eval/score': {
    run: 'train',
    line: 'validation',
    unit: 'reward',
    meaning: 'What chooses the best checkpoint: the terms with their weights, less the penalties.',
  },
  'eval/length': {
    run: 'train',
    line: 'validation',
    unit: 'reward',
    meaning: "Mean length penalty of the validation users' profiles, as it is added: never above 0.",
  },
  'eval/copied': {
    run: 'train',
    line: 'validation',
    unit: 'reward',
    meaning: 'Mean penalty for text that they copy, as it is added: never above 0.',
  },
  'eval/chance/<term>': {
    run: 'train',
    line: 'validation',
    unit: 'NDCG',
    meaning: 'What a random order scores in the same pools.',
  },
  'eval/mean_length': {
    run: 'train',
    line: 'validation',
    unit: 'tokens',
    meaning: 'Mean length of these profiles.',
  },
  'eval/users': { run: 'train', line: 'validation', unit: 'users', meaning: 'Validation users measured.' },
  eval_loss: {
    run: 'sft',
    line: 'validation',
    unit: 'nats',
    meaning: 'Mean cross-entropy over the target tokens of held-out users.',
    trl: 'same',
  },
  'time/validation': {
    run: 'both',
    line: 'validation',
    unit: 'seconds',
    meaning: 'Wall-clock time of the validation.',
  },
}
