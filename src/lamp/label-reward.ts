// The label reward, the prior work's way and the baseline that label-free training is held against (docs/method.md
// §10): a frozen backbone answers the user's own LaMP questions with the profile before them, and the metric is the
// reward. The GRPO loop takes it as a reward function.

import type { UserSplit } from '../logs/types.ts'
import { answersOf, askFor } from '../model/answers.ts'
import type { ChatMessage } from '../model/contract.ts'
import type { TextModel } from '../model/text-model.ts'
import type { GuardConfig } from '../reward/config.ts'
import { isEmptyProfile } from '../reward/guards.ts'
import { type RewardFunction, totalReward } from '../reward/reward.ts'
import { BumpError } from '../util/errors.ts'
import { few } from '../util/few.ts'
import { sha256 } from '../util/files.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import { mean } from '../util/stats.ts'
import { conditionPrompts } from './conditions.ts'
import { questionsOfAllItems } from './histories.ts'
import { compareScores, scoreAnswer, scoreTable } from './metrics.ts'
import { byUser, goldsOf, questionsWhere, usersOf } from './split.ts'
import { taskOf } from './tasks.ts'
import type { LampSplit, QuestionScores } from './types.ts'

/** Guards of the reward, and what is asked with a profile. */
export interface LabelRewardConfig extends GuardConfig {
  /** Tokens that a question with the profile may have; longer profiles are cut. */
  budget: number
  /** Questions asked of each user; where there are more, as many are drawn once. */
  maxQuestions: number
}

export interface LabelRewardInputs {
  config: LabelRewardConfig
  /** Questions with golds of the users to train on and to validate with. */
  questions: LampSplit
  /** Questions of the test users, where there are any: asked before and after, all of them. */
  testQuestions?: LampSplit
  /** Answers. */
  backbone: TextModel
  users: UserSplit
  /** Determines which questions are drawn where a user has more than `maxQuestions`, and the bootstrap of the test. */
  seed: number
}

const UNREWARDED = 'its questions give no reward: use the train split'

/** One question with a profile before it. */
interface Asked {
  /** Index in the split. */
  question: number
  profile: string
}

/** A question's scores as a reward in [0, 1]: accuracy, 1 − |error|/4 for ratings, the mean of ROUGE-1 and ROUGE-L. */
export function labelValue({ accuracy, mae, rouge1, rougeL }: QuestionScores): number {
  if (accuracy !== undefined) return accuracy
  if (mae !== undefined) return Math.max(0, 1 - mae / 4)
  return (rouge1 + rougeL) / 2
}

/**
 * The metric of a LaMP task as the reward: the mean over a user's questions, less the penalties for length and copied
 * text; an empty profile is worth 0. Questions whose answer may stand in their user's history are not asked.
 * Throws BumpError where golds are withheld, or users have no question.
 */
export function labelRewardOn(inputs: LabelRewardInputs): RewardFunction {
  const { config, backbone, users, seed } = inputs
  const questions = withoutLeaks(inputs.questions)
  const testQuestions = inputs.testQuestions && withoutLeaks(inputs.testQuestions)
  const golds = goldsOf(questions, UNREWARDED)
  if (testQuestions) goldsOf(testQuestions, UNREWARDED)
  const task = taskOf(questions)
  const ofUser = questionsByUser(questions, config.maxQuestions, seed)
  const learning = [...users.train, ...users.validation].map(({ id }) => id)
  const without = learning.filter((id) => !ofUser.has(id))
  if (without.length > 0)
    throw new BumpError(
      'lamp-unusable',
      `${without.length} of ${learning.length} users have no question in ${questions.file} (${few(without)}): the reward of labels needs the logs of the very users that are asked, and questions whose answers may stand in their histories are not asked. Without logs of your own, the profiles of that file are taken.`,
    )

  /** [profile] mean reward over its user's questions, all asked in one call; undefined for an empty profile. */
  async function valuesOf(profiles: readonly { user: string; text: string }[], signal?: AbortSignal) {
    const asked: Asked[] = []
    const askedOf = profiles.map(({ user, text }) => {
      if (isEmptyProfile(text)) return []
      return ofUser.get(user)!.map((question) => asked.push({ question, profile: text }) - 1)
    })
    const answers = await answersTo(questions, asked, config.budget, backbone, signal)
    const values = answers.map((answer, i) => labelValue(scoreAnswer(task, golds[asked[i].question], answer)))
    return {
      values: askedOf.map((own) => (own.length === 0 ? 0 : mean(own.map((i) => values[i])))),
      asked: asked.length,
    }
  }

  return {
    origin: {
      backbone: backbone.identity,
      questions: questionsDigest(questions),
      ...(testQuestions ? { testQuestions: questionsDigest(testQuestions) } : {}),
    },
    async score(batch, _seedParts, { signal }) {
      const profiles = batch.flatMap(({ id, rollouts }) => rollouts.map(({ text }) => ({ user: id, text })))
      const { values, asked } = await valuesOf(profiles, signal)
      let next = 0
      const rewards = batch.map(({ rollouts, history }) =>
        rollouts.map((rollout) => {
          const labels = values[next++]
          return totalReward({ labels }, labels, rollout, history, config)
        }),
      )
      return { rewards, chance: {}, usage: { answers: asked } }
    },
    async evaluate(people, profiles, { signal }) {
      const { values } = await valuesOf(
        people.map(({ id }, i) => ({ user: id, text: profiles[i] })),
        signal,
      )
      const score = mean(values)
      return { score, metrics: { labels: score, score } }
    },
    async compareTask(people, profiles, { signal }) {
      const ids = new Set(people.map(({ id }) => id))
      const split = testQuestions && questionsWhere(testQuestions, ({ user }) => ids.has(user))
      if (split === undefined || split.questions.length === 0) return null
      const answers = async (texts: readonly string[]) => {
        const profileOf = new Map(people.map(({ id }, i) => [id, texts[i]]))
        const asked = split.questions.map(({ user }, question) => ({ question, profile: profileOf.get(user)! }))
        return await answersTo(split, asked, config.budget, backbone, signal)
      }
      const before = await answers(profiles.before)
      const after = await answers(profiles.after)
      return {
        task: split.variant,
        users: usersOf(split).length,
        questions: split.questions.length,
        before: scoreTable(split, before, seed).values,
        after: scoreTable(split, after, seed).values,
        difference: compareScores(split, after, before, seed),
      }
    },
  }
}

/** [asked] answers: the likeliest label where the task is a choice, else greedy text. */
async function answersTo(
  split: LampSplit,
  asked: readonly Asked[],
  budget: number,
  backbone: TextModel,
  signal?: AbortSignal,
): Promise<string[]> {
  if (asked.length === 0) return []
  return await answersOf(backbone, promptsOf(split, asked, budget, backbone), askFor(taskOf(split), backbone), signal)
}

/** The prompts of the condition 'bump', every question being one of a user of its own with the profile in question. */
function promptsOf(split: LampSplit, asked: readonly Asked[], budget: number, backbone: TextModel): ChatMessage[][] {
  const questions = asked.map(({ question }, i) => ({ ...split.questions[question], user: String(i), items: [] }))
  const bump = new Map(asked.map(({ profile }, i) => [String(i), profile]))
  return conditionPrompts({ ...split, questions }, 'bump', { items: 0, budget, seed: 0, model: backbone, bump })
}

/** User -> indices of at most `limit` questions, drawn by the seed and the user's id. */
function questionsByUser({ questions }: LampSplit, limit: number, seed: number): Map<string, number[]> {
  const indexOf = new Map(questions.map((question, i) => [question, i]))
  return new Map(
    [...byUser(questions)].map(([user, own]) => {
      const all = own.map((question) => indexOf.get(question)!)
      return [user, shuffled(all, seedFrom(seed, 'label-questions', user)).slice(0, limit)]
    }),
  )
}

/** Without the questions whose answer may stand in the history that the profile of their user is written from. */
function withoutLeaks(split: LampSplit): LampSplit {
  const kept = new Set([...byUser(split.questions).values()].flatMap(questionsOfAllItems))
  return questionsWhere(split, (question) => kept.has(question))
}

function questionsDigest(split: LampSplit): string {
  return sha256(
    JSON.stringify([split.variant, split.questions.map(({ id, user, input }) => [id, user, input]), split.golds]),
  )
}
