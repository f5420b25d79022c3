// The canonical interactions -> users, one after the other.
import type { DuckDBDataChunk } from '@duckdb/node-api'
import type { Database } from './database.ts'
import { parseExact } from './json-record.ts'
import type { Interaction, UserLog } from './types.ts'

/** All users of the view `interactions`. */
export async function* streamUsers(database: Database): AsyncGenerator<UserLog> {
  const connection = await database.connect()
  try {
    const result = await connection.stream('SELECT user_id, time, text, metadata FROM interactions')
    let current: UserLog | undefined
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
      for (let row = 0; row < chunk.rowCount; row++) {
        const [id, interaction] = interactionOf(chunk, row)
        if (current?.id !== id) {
          if (current !== undefined) yield current
          current = { id, interactions: [] }
        }
        current.interactions.push(interaction)
      }
    if (current !== undefined) yield current
  } finally {
    connection.disconnectSync()
  }
}

function interactionOf(chunk: DuckDBDataChunk, row: number): [string, Interaction] {
  const [id, time, text, metadata] = [0, 1, 2, 3].map((column) => chunk.getColumnVector(column).getItem(row))
  const parsed = metadataOf(String(metadata))
  return [String(id), { text: String(text), time: (time as number | null) ?? undefined, metadata: parsed }]
}

/** Metadata as the canonical form writes it. */
export const metadataOf = (json: string): Record<string, unknown> =>
  json === '{}' ? {} : (parseExact(json) as Record<string, unknown>)
