// The canonical interactions -> users, one after the other.
import type { DuckDBDataChunk } from '@duckdb/node-api'
import type { Database } from './database.ts'
import { parseExact } from './json-record.ts'
import type { Interaction, UserLog } from './types.ts'

/** Rows of the view `interactions` in its order, from 0: from `from` on and before `to`. */
export interface RowRange {
  from: number
  to: number
}

/** All users of the view `interactions`, or those alone whose rows are in `ranges`, which stand in order. */
export async function* streamUsers(
  database: Database,
  ranges: readonly RowRange[] = [{ from: 0, to: Number.POSITIVE_INFINITY }],
): AsyncGenerator<UserLog> {
  const connection = await database.connect()
  try {
    const result = await connection.stream('SELECT user_id, time, text, metadata FROM interactions')
    let current: UserLog | undefined
    let [start, next] = [0, 0]
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      const end = start + chunk.rowCount
      for (; next < ranges.length && ranges[next].from < end; next++) {
        const { from, to } = ranges[next]
        for (let row = Math.max(from, start); row < Math.min(to, end); row++) {
          const [id, interaction] = interactionOf(chunk, row - start)
          if (current?.id !== id) {
            if (current !== undefined) yield current
            current = { id, interactions: [] }
          }
          current.interactions.push(interaction)
        }
        if (to > end) break
      }
      start = end
    }
    if (current !== undefined) yield current
  } finally {
    connection.disconnectSync()
  }
}

/** Columns are asked for single values: what no range covers is never made a string. */
function interactionOf(chunk: DuckDBDataChunk, row: number): [string, Interaction] {
  const [id, time, text, metadata] = [0, 1, 2, 3].map((column) => chunk.getColumnVector(column).getItem(row))
  const parsed = metadata === '{}' ? {} : (parseExact(String(metadata)) as Record<string, unknown>)
  return [String(id), { text: String(text), time: (time as number | null) ?? undefined, metadata: parsed }]
}
