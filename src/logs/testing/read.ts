// What a log gives, for the tests of reading.
import { openLogs } from '../dataset.ts'
import type { IssueKind, LogReport, LogSource, UserLog } from '../types.ts'
import type { TestFolder } from './files.ts'

export interface Read {
  users: UserLog[]
  report: LogReport
  /** User and text of each interaction, in order. */
  texts: [string, string][]
  count(kind: IssueKind): number
}

async function readFrom(source: LogSource): Promise<Read> {
  const dataset = await openLogs(source)
  try {
    const users: UserLog[] = []
    for await (const user of dataset.users()) users.push(user)
    const { report } = dataset
    const texts = users.flatMap(({ id, interactions }) => interactions.map(({ text }): [string, string] => [id, text]))
    return { users, report, texts, count: (kind) => report.issues.find((issue) => issue.kind === kind)?.count ?? 0 }
  } finally {
    dataset.close()
  }
}

/** Writes a log into the folder and reads it. */
export function reader(folder: TestFolder) {
  const read = (name: string, content: string | Uint8Array, options: Omit<LogSource, 'paths'> = {}): Promise<Read> =>
    readFrom({ paths: [folder.write(name, content)], ...options })
  return { read, readFrom }
}
