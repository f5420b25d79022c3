// Mapping expressions over a small log: they compute, and reach nothing else.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLogs } from '../../../src/logs/open.ts'
import { checkCounts } from '../../../src/logs/testing/counts.ts'
import { programFile, type Target } from './target.ts'

const SECRET = 'canary-4711'
const log = Array.from({ length: 5 }, (_, i) =>
  JSON.stringify({ user: `u${i}`, time: i * 1e9, text: `text ${i}`, a: { b: [1, 'x'] }, n: i }),
).join('\n')
const SECRET_FILE = join(tmpdir(), 'bump-fuzz-secret.txt')

export const expressions: Target = {
  // Work without end is a known limit (SECURITY.md): no word here asks for it.
  // biome-ignore format: a list of words
  words: [
    'user', 'text', '"a"', "a->>'b'", '||', '(', ')', ',', ';', '--', '/*', '*/', "'x'", '$$', '::', 'NULL', 'rows',
    'SELECT ', ' FROM ', ' UNION ', ' WITH x AS (', 'CASE WHEN ', ' THEN ', ' END', ' OVER ()', 'COLUMNS(*)', '*',
    'struct_pack(a := 1)', ' AS ', `(SELECT content FROM read_text('${SECRET_FILE}'))`, `'${SECRET_FILE}'`,
    "glob('*')", "getenv('HOME')", 'duckdb_settings()', 'pragma_table_info(', 'ATTACH ', 'COPY ',
    'SET lock_configuration = false', 'INSTALL httpfs', 'lambda x: x', 'list_transform([1], x -> x)',
    'unnest([1, 2])', 'random()', 'json_each(a)', '_record', '_line', 'records', 'interactions',
    'information_schema.tables', 'current_setting(', "query('SELECT 1')", 'sqlite_master',
  ],
  samples: async () => {
    writeFileSync(SECRET_FILE, SECRET)
    process.on('exit', () => rmSync(SECRET_FILE, { force: true }))
    const texts = [
      ["lower(user) || '-' || n", 'time / 1000', "text || coalesce(' ' || (a->>'b'), '')"],
      ["regexp_extract(user, '(\\d+)', 1)", "strptime('2024-01-02', '%Y-%m-%d')", "concat_ws(': ', user, text)"],
      ['"user"', 'CAST(time AS BIGINT) * 1000', 'CASE WHEN n > 2 THEN text ELSE upper(text) END'],
      [
        '(SELECT max(user) FROM rows)',
        'epoch(make_timestamp(0))',
        "list_aggregate(json_extract_string(a, ['$.b[0]', '$.b[1]']), 'string_agg', ',')",
      ],
    ]
    return texts.map(([user, time, text]) => ({
      user: programFile(user),
      time: programFile(time),
      text: programFile(text),
    }))
  },
  run: async (folder, files) => {
    const logFile = join(folder, 'log.jsonl')
    writeFileSync(logFile, log)
    const [user, time, text] = files.map((name) => readFileSync(join(folder, name), 'utf8'))
    await opened(logFile, { user, time, text }).finally(() => {
      const written = readdirSync(folder).filter((name) => ![...files, 'log.jsonl'].includes(name))
      if (written.length > 0) throw new Error(`an expression wrote ${written.join(', ')}`)
    })
  },
}

async function opened(logFile: string, mapping: { user: string; time: string; text: string }): Promise<void> {
  const dataset = await openLogs(logFile, mapping)
  try {
    let interactions = 0
    for await (const user of dataset.users()) {
      interactions += user.interactions.length
      if (JSON.stringify(user).includes(SECRET)) throw new Error('an expression read another file')
    }
    checkCounts(dataset.report, interactions)
  } finally {
    dataset.close()
  }
}
