// Interaction logs of every format and packing, through the front door.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { inspectLogs } from '../../../src/logs/inspect.ts'
import { openLogs } from '../../../src/logs/open.ts'
import { writeParquet, zstdFrame } from '../../../src/logs/testing/written.ts'
import '../../../src/lamp/log-format.ts'
import { checkCounts } from '../../../src/logs/testing/counts.ts'
import type { Sample } from '../case.ts'
import { jsonFile, jsonLinesFile, type Target } from './target.ts'

const rows = Array.from({ length: 12 }, (_, i) => ({
  user: `u${i % 3}`,
  time: 1_700_000_000 + 3600 * i,
  text: ['tea in the rain', 'the "old" rose, pruned', 'beans \\ trellis', 'Ünïcode \u{1F339}\u2028'][i % 4],
  rating: i % 5 === 0 ? null : i / 2,
  tags: ['a', { n: i }],
}))
const fields = rows.map(({ user, time, text, rating }) => [user, String(time), text, String(rating ?? '')])
const separated = (delimiter: string, quote: (text: string) => string) =>
  [['user', 'time', 'text', 'rating'], ...fields].map((row) => `${row.map(quote).join(delimiter)}\n`).join('')
const csv = separated(',', (text) => `"${text.replaceAll('"', '""')}"`)

const conversations = [
  {
    title: 'one',
    mapping: Object.fromEntries(
      rows.map(({ text }, i) => [
        `m${i}`,
        {
          parent: null,
          message: {
            id: `m${i}`,
            author: { role: i % 2 ? 'assistant' : 'user' },
            create_time: i + 0.25,
            content: { content_type: 'text', parts: [text, { asset_pointer: 'x' }] },
          },
        },
      ]),
    ),
  },
]
const questions = rows.map(({ user, text }, i) => ({
  id: String(i),
  user_id: user,
  input: 'x',
  profile: [{ id: `${i}a`, text, date: '2024-01-02' }],
}))

const TYPES = `SELECT 'u' || (i % 3) AS "user", make_timestamp(i * 1000000000) AS "time", 'text ' || i AS "text", i::DOUBLE / 3 AS d,
  i::HUGEINT AS h, i::DECIMAL(9, 2) AS dec, [i, NULL] AS list, {'a': i, 'b': [{'c': 'x'}]} AS nested, MAP {'k': i} AS m,
  encode('bytes') AS b, DATE '2024-01-01' AS day, INTERVAL 1 DAY AS span, true AS flag, uuid() AS id FROM range(40) r(i)`

export const logs: Target = {
  // biome-ignore format: a list of words
  words: [
    'user', 'time', 'text', '"user":', '"text":"x"', 'sep=;', 'NaN', '1.7e9', '2024-01-02T03:04:05+05:30', '\r\n',
    '""', '\\"',
  ],
  samples: async (folder): Promise<Sample[]> => {
    const parquet = async (name: string, sql: string) => readFileSync(await writeParquet(join(folder, name), sql))
    const jsonl = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    return [
      { 'log.jsonl': jsonLinesFile(rows) },
      { 'log.jsonl': jsonl },
      { 'log.json': jsonFile(rows) },
      { 'log.json': JSON.stringify({ list: { rows } }, undefined, 2) },
      { 'log.json': rows.map((row) => JSON.stringify(row, undefined, 2)).join('\n') },
      { 'tweets.js': `window.YTD.tweets.part0 = ${JSON.stringify(rows)};` },
      { 'conversations.json': jsonFile(conversations) },
      { 'dev_questions.json': jsonFile(questions) },
      { 'log.csv': csv },
      { 'log.csv': separated(';', (text) => (/[";\n]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text)) },
      { 'log.csv': `sep=;\n${separated(';', (text) => text)}` },
      { 'log.csv': `Vendor Name;x\nfrom 2024\n${separated(';', (text) => text)}` },
      { 'log.tsv': separated('\t', (text) => text) },
      { 'log.csv': Buffer.from(`\uFEFF${csv}`, 'utf16le') },
      { 'log.csv': Buffer.from(csv, 'latin1') },
      { 'log.jsonl.gz': jsonLinesFile(rows, gzipSync) },
      { 'log.jsonl.zst': jsonLinesFile(rows, zstdFrame) },
      { 'log.jsonl.zst': readFileSync(new URL('../../../src/logs/golden/zstd.jsonl.zst', import.meta.url)) },
      { 'log.parquet': await parquet('plain.parquet', `SELECT * EXCLUDE (nested, list, m) FROM (${TYPES})`) },
      { 'log.parquet': await parquet('nested.parquet', TYPES) },
      { 'a.csv': csv, 'b.jsonl': jsonl },
    ]
  },
  run: async (folder, files) => {
    const paths = files.map((name) => join(folder, name))
    const dataset = await openLogs(paths)
    try {
      let interactions = 0
      for await (const user of dataset.users()) interactions += user.interactions.length
      checkCounts(dataset.report, interactions)
    } finally {
      dataset.close()
    }
    if (paths.length === 1) await inspectLogs(paths[0])
  },
}
