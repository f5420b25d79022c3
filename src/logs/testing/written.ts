// Files that need a writer of their own, for tests and for fuzzing.
import { DuckDBInstance } from '@duckdb/node-api'

/** Writes what an SQL query gives as a Parquet file. */
export async function writeParquet(path: string, sql: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
  return path
}

/** A zstd frame of uncompressed blocks (RFC 8878), which any reader must take. */
export function zstdFrame(content: Buffer, windowLog = 17): Buffer {
  const blocks: Buffer[] = []
  for (let at = 0; at < content.length; at += 100_000) {
    const block = content.subarray(at, at + 100_000)
    const header = Buffer.alloc(3)
    header.writeUIntLE((block.length << 3) | (at + block.length >= content.length ? 1 : 0), 0, 3)
    blocks.push(header, block)
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]), ...blocks])
}
