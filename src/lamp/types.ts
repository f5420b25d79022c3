// The words of a LaMP evaluation: tasks, questions and scores.

export const LAMP_TASKS = [1, 2, 3, 4, 5, 6, 7] as const
export type LampTaskNumber = (typeof LAMP_TASKS)[number]

/** One item of a user's profile in the dataset's sense: an earlier interaction. Fields differ by task; all are text. */
export interface LampItem {
  id: string
  /** ISO date where the set carries one. */
  date?: string
  fields: Readonly<Record<string, string>>
}

export interface LampQuestion {
  id: string
  /**
   * The user: `user_id` where the set has one, else the question's id (the official user split has one question a
   * user).
   */
  user: string
  /** The task input, as it stands in the file. */
  input: string
  /** Earlier interactions, oldest first where dates are known, else in file order. */
  items: readonly LampItem[]
}

/** One split of one task, read from a folder. */
export interface LampSplit {
  task: LampTaskNumber
  /** As tables name it: 'LaMP-2M' or 'LaMP-2N' for task 2 by its tags, else 'LaMP-<n>'. */
  variant: string
  /** Path of the questions file. */
  file: string
  questions: readonly LampQuestion[]
  /** [question] gold output, aligned with `questions`; undefined where the golds are withheld. */
  golds: readonly string[] | undefined
  /** True for sets rebuilt in LaMP's shape (they carry `user_id`): not comparable with published scores. */
  rebuilt: boolean
}

/** Scores of one prediction by metric key, e.g. { accuracy: 1 } or { rouge1: 0.4, rougeL: 0.3 }. */
export type QuestionScores = Readonly<Record<string, number>>
