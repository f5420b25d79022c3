// The seven LaMP tasks: what an answer may be, how it is measured, and which parts of a question and of a profile item
// mean what. Read by the reader, the prompts, the conditions and the metrics.
import type { ResultMetric } from '../evaluate/result.ts'
import type { LampItem, LampQuestion, LampSplit, LampTaskNumber } from './types.ts'

/** A profile item as words for a prompt; only `text` may be cut to fit a budget. */
interface Phrase {
  before: string
  text: string
  after: string
}

export interface LampTask {
  number: LampTaskNumber
  /** As tables name it: 'LaMP-5', 'LaMP-2M'. */
  variant: string
  /** What is asked for, in two words: 'paper titles'. */
  title: string
  kind: 'classify' | 'generate'
  /** All valid answers, where the task is a choice. */
  labels?: readonly string[]
  metrics: readonly ResultMetric[]
  /** Bound of an answer's tokens, in any tokeniser of today. */
  maxTokens: number
  /** Fields that every profile item has. */
  fields: readonly string[]
  /** What BM25 searches for: the part of the input that is no template. */
  query(question: LampQuestion): string
  /** What BM25 searches in. */
  document(item: LampItem): string
  /** The item as an interaction of a log: what a profile generator reads. */
  interactionText(item: LampItem): string
  /** The item in a retrieval prompt. */
  phrase(item: LampItem): Phrase
  /** The task input with the joined phrases put where the benchmark puts them. */
  join(phrases: string, input: string): string
}

/** Tags of movies: the published LaMP-2. */
const MOVIE_TAGS = [
  'sci-fi',
  'based on a book',
  'comedy',
  'action',
  'twist ending',
  'dystopia',
  'dark comedy',
  'classic',
  'psychology',
  'fantasy',
  'romance',
  'thought-provoking',
  'social commentary',
  'violence',
  'true story',
] as const

/** Categories of news: the old LaMP-2. */
const NEWS_CATEGORIES = [
  'women',
  'religion',
  'politics',
  'style & beauty',
  'entertainment',
  'culture & arts',
  'sports',
  'science & technology',
  'travel',
  'business',
  'crime',
  'education',
  'healthy living',
  'parents',
  'food & drink',
] as const

function accuracy(labels: number): ResultMetric {
  return { key: 'accuracy', label: 'accuracy', higherIsBetter: true, chance: 1 / labels }
}
const F1: ResultMetric = { key: 'f1', label: 'macro-F1', higherIsBetter: true, chance: null }
const RATING: readonly ResultMetric[] = [
  { key: 'mae', label: 'MAE', higherIsBetter: false, chance: null },
  { key: 'rmse', label: 'RMSE', higherIsBetter: false, chance: null },
]
const ROUGE: readonly ResultMetric[] = [
  { key: 'rouge1', label: 'ROUGE-1', higherIsBetter: true, chance: null },
  { key: 'rougeL', label: 'ROUGE-L', higherIsBetter: true, chance: null },
]

/** The input after the first `marker`; all of it where the marker is absent. */
function after(marker: string): (question: LampQuestion) => string {
  return ({ input }) => {
    const at = input.indexOf(marker)
    return (at < 0 ? input : input.slice(at + marker.length)).trim()
  }
}

/** Both candidate references of a citation question. */
function candidateTitles({ input }: LampQuestion): string {
  const found = /\[1\]:\s*"(.*)"\s*(?:,\s*)?\[2\]:\s*"(.*)"/s.exec(input)
  return found === null ? input : `${found[1]} ${found[2]}`
}

function before(link: string): (phrases: string, input: string) => string {
  return (phrases, input) => `${phrases}${link}${input}`
}

/**
 * Citations: the user's other papers follow the first "title" of the input, which is where the asked paper's stands.
 */
function afterFirstTitle(phrases: string, input: string): string {
  const at = input.indexOf('title')
  if (at < 0) return input
  return `${input.slice(0, at + 5)}, and ${phrases}${input.slice(at + 5)}`
}

/** '4.0' as the label '4'. */
function score(item: LampItem): string {
  return item.fields.score.replace(/^\s*(\d+)\.0+\s*$/, '$1')
}

function titled(item: LampItem, text: string): Phrase {
  return { before: `"${item.fields.title}" is the title for "`, text, after: '"' }
}

const MOVIES: LampTask = {
  number: 2,
  variant: 'LaMP-2M',
  title: 'movie tags',
  kind: 'classify',
  labels: MOVIE_TAGS,
  metrics: [accuracy(MOVIE_TAGS.length), F1],
  maxTokens: 16,
  fields: ['tag', 'description'],
  query: after('description:'),
  document: ({ fields }) => fields.description,
  interactionText: ({ fields }) => `${fields.tag}: ${fields.description}`,
  phrase: ({ fields }) => ({
    before: 'the tag for the movie: "',
    text: fields.description,
    after: `" is "${fields.tag}"`,
  }),
  join: before('. '),
}

const NEWS: LampTask = {
  number: 2,
  variant: 'LaMP-2N',
  title: 'news categories',
  kind: 'classify',
  labels: NEWS_CATEGORIES,
  metrics: [accuracy(NEWS_CATEGORIES.length), F1],
  maxTokens: 16,
  fields: ['text', 'title', 'category'],
  query: after('article:'),
  document: ({ fields }) => `${fields.title} ${fields.text}`,
  interactionText: ({ fields }) => `${fields.category}: ${fields.text}`,
  phrase: ({ fields }) => ({
    before: 'the category for the article: "',
    text: fields.text,
    after: `" is "${fields.category}"`,
  }),
  join: before('. '),
}

/** Both publications of task 2; which one a folder holds is told by its tags. */
export const TASK_2_VARIANTS: readonly LampTask[] = [MOVIES, NEWS]

/** Tasks by number; 2 is the movie tags. `taskOf` gives the task of a split that was read, the old LaMP-2 included. */
export const TASKS: Record<LampTaskNumber, LampTask> = {
  1: {
    number: 1,
    variant: 'LaMP-1',
    title: 'citations',
    kind: 'classify',
    labels: ['[1]', '[2]'],
    metrics: [accuracy(2)],
    maxTokens: 8,
    fields: ['title', 'abstract'],
    query: candidateTitles,
    document: ({ fields }) => `${fields.title} ${fields.abstract}`,
    interactionText: ({ fields }) => fields.title,
    phrase: ({ fields }) => ({ before: '"', text: fields.title, after: '"' }),
    join: afterFirstTitle,
  },
  2: MOVIES,
  3: {
    number: 3,
    variant: 'LaMP-3',
    title: 'product ratings',
    kind: 'classify',
    labels: ['1', '2', '3', '4', '5'],
    metrics: RATING,
    maxTokens: 8,
    fields: ['text', 'score'],
    query: after('review:'),
    document: ({ fields }) => fields.text,
    interactionText: (item) => `${score(item)}: ${item.fields.text}`,
    phrase: (item) => ({ before: `${score(item)} is the score for "`, text: item.fields.text, after: '"' }),
    join: before('. '),
  },
  4: {
    number: 4,
    variant: 'LaMP-4',
    title: 'news headlines',
    kind: 'generate',
    metrics: ROUGE,
    maxTokens: 48,
    fields: ['title', 'text'],
    query: after('article:'),
    document: ({ fields }) => `${fields.title} ${fields.text}`,
    interactionText: ({ fields }) => `${fields.title}: ${fields.text}`,
    phrase: (item) => titled(item, item.fields.text),
    join: before('. '),
  },
  5: {
    number: 5,
    variant: 'LaMP-5',
    title: 'paper titles',
    kind: 'generate',
    metrics: ROUGE,
    maxTokens: 64,
    fields: ['title', 'abstract'],
    query: after(':'),
    document: ({ fields }) => `${fields.title} ${fields.abstract}`,
    interactionText: ({ fields }) => `${fields.title}: ${fields.abstract}`,
    phrase: (item) => titled(item, item.fields.abstract),
    join: before('. Following the given patterns '),
  },
  6: {
    number: 6,
    variant: 'LaMP-6',
    title: 'email subjects',
    kind: 'generate',
    metrics: ROUGE,
    maxTokens: 48,
    fields: ['title', 'text'],
    query: after(':'),
    document: ({ fields }) => fields.text,
    interactionText: ({ fields }) => `${fields.title}: ${fields.text}`,
    phrase: (item) => titled(item, item.fields.text),
    join: before('. '),
  },
  7: {
    number: 7,
    variant: 'LaMP-7',
    title: 'tweets',
    kind: 'generate',
    metrics: ROUGE,
    maxTokens: 96,
    fields: ['text'],
    query: after(':'),
    document: ({ fields }) => fields.text,
    interactionText: ({ fields }) => fields.text,
    phrase: ({ fields }) => ({ before: '"', text: fields.text, after: '"' }),
    join: before(' are written by a person. Following the given patterns '),
  },
}

/** The task of a split, with the right variant of task 2. */
export function taskOf(split: Pick<LampSplit, 'task' | 'variant'>): LampTask {
  return TASK_2_VARIANTS.find((task) => task.variant === split.variant) ?? TASKS[split.task]
}
