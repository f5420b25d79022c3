// Interactions of logs into a store: as the API takes them, in batches, each once however often a log is imported.
import type { UserLog } from '../logs/types.ts'
import type { NewInteraction } from '../store/interaction-input.ts'
import { addInteractions } from '../store/interactions.ts'
import type { Store } from '../store/open.ts'
import type { Scope } from '../store/scope.ts'
import { CancelledError } from '../util/errors.ts'

export interface ImportResult {
  accepted: number
  /** There before. */
  duplicates: number
  /** What was not stored: why, and how many. */
  rejected: Map<string, number>
}

const BATCH = 1000

/** Stores all interactions of the users. Throws CancelledError between batches where `signal` aborts. */
export async function importUsers(
  store: Store,
  scope: Scope,
  users: AsyncIterable<UserLog>,
  options: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
): Promise<ImportResult> {
  const result: ImportResult = { accepted: 0, duplicates: 0, rejected: new Map() }
  let batch: NewInteraction[] = []
  let done = 0
  const flush = async (): Promise<void> => {
    if (options.signal?.aborted) throw new CancelledError()
    const { accepted, duplicates, rejected } = await addInteractions(store, scope, batch)
    result.accepted += accepted
    result.duplicates += duplicates
    for (const { message } of rejected) result.rejected.set(message, (result.rejected.get(message) ?? 0) + 1)
    done += batch.length
    batch = []
    options.onProgress?.(done)
  }
  for await (const { id: user, interactions } of users)
    for (const { text, time } of interactions) {
      batch.push({ user, text, time })
      if (batch.length === BATCH) await flush()
    }
  if (batch.length > 0) await flush()
  return result
}
