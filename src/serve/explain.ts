// Why a profile says what it says, for an operator: each sentence with the interactions that have its words, what the
// gate found, what was corrected, and what is waiting.
import { type Correction, listCorrections } from '../store/corrections.ts'
import type { Store } from '../store/open.ts'
import { readUser } from '../store/persons.ts'
import { readProfile, readSources, readVersion } from '../store/profiles.ts'
import type { UserScope } from '../store/scope.ts'
import { saidIn, sharing } from './sentences.ts'

export interface Explanation {
  /** Each with the interactions that share words with it, those with most of them first. */
  sentences: { text: string; sources: { id: string; time: number; words: string[] }[] }[]
  /** Interactions in the writer's prompt, and those hidden from it for the gate. */
  shown: number
  heldOut: number
  writer: string | undefined
  gate: unknown
  scores: unknown
  corrections: Correction[]
  refresh: { dueAt?: number; reason?: string; attempts: number; lastError?: string }
}

/** Sources of one sentence that are named. */
const MOST_SOURCES = 10

/** Explains what is served of a user. Throws BumpError (`not-found`) where there is no such user. */
export async function explainProfile(store: Store, scope: UserScope): Promise<Explanation> {
  const { version, text } = await readProfile(store, scope)
  const { dueAt, dueReason, attempts, lastError } = await readUser(store, scope)
  const sources = version === undefined ? [] : await readSources(store, scope, version)
  const shown = sources.filter(({ heldOut }) => !heldOut)
  const { writer, gate, scores } = version === undefined ? {} : await readVersion(store, scope, version)
  return {
    sentences: saidIn(text).map((sentence) => ({
      text: sentence,
      sources: sharing(sentence, shown)
        .slice(0, MOST_SOURCES)
        .map(({ of: { id, time }, words }) => ({ id, time, words })),
    })),
    shown: shown.length,
    heldOut: sources.length - shown.length,
    writer,
    gate,
    scores,
    corrections: await listCorrections(store, scope),
    refresh: { dueAt, reason: dueReason, attempts, lastError },
  }
}
