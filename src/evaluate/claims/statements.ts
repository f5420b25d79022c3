// What a profile claims, and what a model that reads the history says to it.
import { type ScoreStore, scoreKey } from '../../judge/cache.ts'
import { yesOrNo } from '../../judge/pointwise.ts'
import { POINTWISE_ANSWERS } from '../../judge/prompts.ts'
import type { ChatMessage, LanguageModel } from '../../model/contract.ts'
import type { ServedModel } from '../../model/served.ts'
import { isEmptyProfile } from '../../reward/guards.ts'
import { sentencesOf } from '../../safety/sentences.ts'
import { CancelledError } from '../../util/errors.ts'

/** Statements that are checked of one profile, at most. */
const STATEMENTS = 8

/** A statement beside the records that should support it. */
export interface Claim {
  /** The records, one a line. */
  records: string
  statement: string
}

/** The sentences and lines of a profile that say something, each once. */
export function statementsOf(profile: string): string[] {
  const said = sentencesOf(profile).map((sentence) => sentence.replace(/\s+/g, ' ').trim())
  return [...new Set(said.filter((sentence) => !isEmptyProfile(sentence)))].slice(0, STATEMENTS)
}

/** Asks whether the records support the statement. */
function claimPrompt({ records, statement }: Claim): ChatMessage[] {
  return [
    {
      role: 'user',
      content: `Records of one person:\n${records}\n\nStatement about this person: ${statement}\n\nDo the records support the statement? Answer with one word, ${POINTWISE_ANSWERS.join(' or ')}.`,
    },
  ]
}

/** Claims that the model is asked in one call. */
const AT_ONCE = 16

/**
 * [claim] the probability of yes among yes and no, from `store` where it was asked before. Throws what the model throws,
 * CancelledError where the signal aborts.
 */
export async function supportOf(
  claims: readonly Claim[],
  model: LanguageModel | ServedModel,
  store: ScoreStore,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<number[]> {
  const ask = yesOrNo(model)
  const keyOf = ({ records, statement }: Claim) => scoreKey('claim', model.info.digest, records, statement)
  const missing = [...new Map(claims.map((claim) => [keyOf(claim), claim]))].filter(([key]) => !store.get(key))
  for (let at = 0; at < missing.length; at += AT_ONCE) {
    if (signal?.aborted) throw new CancelledError()
    onProgress?.(at, missing.length)
    const part = missing.slice(at, at + AT_ONCE)
    const { answers } = await ask(
      part.map(([, claim]) => claimPrompt(claim)),
      { signal },
    )
    for (const [i, [key]] of part.entries()) {
      const [yes, no] = answers[i]
      store.set(key, [1 / (1 + Math.exp(no - yes))])
    }
  }
  onProgress?.(missing.length, missing.length)
  return claims.map((claim) => store.get(keyOf(claim))![0])
}
