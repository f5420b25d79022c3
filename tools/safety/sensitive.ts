// How well sensitive sentences are found: by the list of words, and by an encoder's similarity with descriptions.
import { openEncoder } from '../../src/model/onnx/open-encoder.ts'
import { sensitiveCategories } from '../../src/safety/sensitive.ts'
import { dataLines } from './labelled.ts'

export interface SensitiveResult {
  /** [category] sentences that tell it, and those that were found in any category. */
  told: Map<string, { labelled: number; found: number }>
  /** Sentences about a matter, and of none, with those found by mistake. */
  topic: { labelled: number; found: number }
  none: { labelled: number; found: number }
  missed: string[]
  /** Ordinary sentences that were found. */
  wrong: string[]
}

interface Sentence {
  locale: string
  category: string
  text: string
}

/** What `isFound` makes of a file of labelled sentences. */
export function measureSensitive(
  file: string,
  isFound: (sentence: string) => boolean = (sentence) => sensitiveCategories(sentence).length > 0,
): SensitiveResult {
  const result: SensitiveResult = {
    told: new Map(),
    topic: { labelled: 0, found: 0 },
    none: { labelled: 0, found: 0 },
    missed: [],
    wrong: [],
  }
  for (const { category, text } of sentences(file)) {
    const counts = countsOf(result, category)
    counts.labelled++
    const found = isFound(text)
    if (found) counts.found++
    if (found && category === 'none') result.wrong.push(text)
    if (!found && category !== 'none' && category !== 'topic') result.missed.push(`${category}: ${text}`)
  }
  return result
}

function sentences(file: string): Sentence[] {
  return dataLines(file).map((line) => {
    const [locale, category, text] = line.split('|')
    return { locale, category, text }
  })
}

function countsOf(result: SensitiveResult, category: string): { labelled: number; found: number } {
  if (category === 'topic' || category === 'none') return result[category]
  const counts = result.told.get(category) ?? { labelled: 0, found: 0 }
  result.told.set(category, counts)
  return counts
}

/** What an encoder compares a sentence with. */
const DESCRIPTIONS = [
  'The person has an illness, a disability, a pregnancy or a mental health problem.',
  'The person is gay, lesbian, bisexual or transgender; the person’s sex life.',
  'The person is religious, belongs to a faith, prays and goes to church, mosque or synagogue.',
  'The person supports a political party, votes and protests.',
  'The person belongs to an ethnic group, has a migrant background or is a refugee.',
  'The person is a member of a trade union or on strike.',
  'The person was arrested, convicted of a crime or is in prison.',
]
/** Subtracted: what every sentence about a person has in common with the descriptions. */
const ORDINARY = ['The person enjoys hobbies such as music, sport, cooking, films and books.']

/**
 * Finds by an encoder, at the threshold that is best for the sentences of `tuning`: the largest similarity with a
 * description, less that with an ordinary hobby. Best is the largest sum of recall and share of `none` that is left.
 */
export async function byEncoder(folder: string, tuning: string, files: readonly string[]) {
  const encoder = await openEncoder(folder)
  try {
    const texts = [...new Set([tuning, ...files].flatMap((file) => sentences(file).map(({ text }) => text)))]
    const encode = async (list: readonly string[]) =>
      (await encoder.encode(list, { role: 'passage', maxTokens: 128 })).vectors
    const [vectors, sensitive, ordinary] = [await encode(texts), await encode(DESCRIPTIONS), await encode(ORDINARY)]
    const margin = new Map(texts.map((text, i) => [text, most(vectors[i], sensitive) - most(vectors[i], ordinary)]))
    const above = (threshold: number) => (text: string) => (margin.get(text) ?? 0) > threshold
    const value = (threshold: number) => {
      const { told, none } = measureSensitive(tuning, above(threshold))
      const all = [...told.values()]
      const recall = sum(all.map(({ found }) => found)) / sum(all.map(({ labelled }) => labelled))
      return recall - none.found / none.labelled
    }
    const threshold = [...margin.values()].reduce((best, candidate) =>
      value(candidate) > value(best) ? candidate : best,
    )
    return { threshold, isFound: above(threshold) }
  } finally {
    await encoder.close()
  }
}

function most(vector: Float32Array, others: readonly Float32Array[]): number {
  return Math.max(...others.map((other) => sum(Array.from(vector, (x, i) => x * other[i]))))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
