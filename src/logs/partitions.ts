// Columns that the names of folders hold, as Hive and Spark write them: user_id=007/part-0.parquet.
import { sqlName, sqlString } from './database.ts'
import type { StagedColumn } from './formats/format.ts'

const FOLDER = /(?:^|[\\/])([A-Za-z_][\w .-]*)=([^\\/]*)(?=[\\/])/g
/** The folder of rows without a value. */
const NONE = '__HIVE_DEFAULT_PARTITION__'

/**
 * The columns of files with such names, as SQL over `_file`, the file's index. All values are text, so that 007 and 7
 * stay apart; a file's own columns (`taken`) come first.
 */
export function partitionColumns(
  files: readonly { name: string }[],
  taken: readonly string[],
  index: string,
): StagedColumn[] {
  const found = files.map(({ name }) => new Map([...name.matchAll(FOLDER)].map(([, key, value]) => [key, value])))
  const own = new Set(taken.map((name) => name.toLowerCase()))
  const keys = [...new Set(found.flatMap((file) => [...file.keys()]))].filter((key) => !own.has(key.toLowerCase()))
  return keys.map((name) => {
    const values = found.map((file) => literal(file.get(name)))
    return { name, raw: `([${values.join(', ')}]::VARCHAR[])[${index} + 1]` }
  })
}

/** Those columns for a SELECT, each with a comma before it. */
export const selected = (columns: readonly StagedColumn[]) =>
  columns.map(({ name, raw }) => `, ${raw} AS ${sqlName(name)}`).join('')

function literal(value: string | undefined): string {
  if (value === undefined || value === NONE) return 'NULL'
  try {
    return sqlString(decodeURIComponent(value))
  } catch {
    return sqlString(value)
  }
}
