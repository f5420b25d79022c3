// What is wrong with a log, counted by kind, with the first few places of each: nothing is dropped in silence.
import type { IssueKind, LogIssue } from './types.ts'

/** Kinds in the order in which they are reported, with what is done about each. */
const ISSUE_EFFECTS: Record<IssueKind, string> = {
  'unreadable-file': 'file left out',
  'truncated-file': 'read up to the damage, the rest is lost',
  'bad-line': 'row left out',
  encoding: 'row kept, the bytes or characters repaired',
  'not-finite': 'row kept, the value read as none',
  'missing-user': 'row left out',
  'rounded-user': 'row kept; numbers above 2^53 were rounded before they came here, so several users may share one',
  'empty-text': 'row left out',
  'bad-time': 'row kept, placed after the one before it in the file',
  'missing-time': 'row kept, placed after the one before it in the file',
}

const EXAMPLES = 5

/** Counts issues while a log is read. */
export class IssueLog {
  private readonly byKind = new Map<IssueKind, { count: number; examples: string[] }>()

  /** `at` is `file:line` (or the file's name); `what` says what was found there. */
  add(kind: IssueKind, at: string, what: string): void {
    let entry = this.byKind.get(kind)
    if (entry === undefined) {
      entry = { count: 0, examples: [] }
      this.byKind.set(kind, entry)
    }
    entry.count++
    if (entry.examples.length < EXAMPLES) entry.examples.push(`${at}: ${what}`)
  }

  count(kind: IssueKind): number {
    return this.byKind.get(kind)?.count ?? 0
  }

  /** All kinds that occurred, in reporting order. */
  list(): LogIssue[] {
    return (Object.keys(ISSUE_EFFECTS) as IssueKind[]).flatMap((kind) => {
      const entry = this.byKind.get(kind)
      return entry === undefined
        ? []
        : [{ kind, effect: ISSUE_EFFECTS[kind], count: entry.count, examples: entry.examples }]
    })
  }
}

/** The issues as lines for an error message. */
export function issueLines(issues: LogIssue[]): string[] {
  return issues.flatMap((issue) => [
    `  ${issue.kind}: ${issue.count} (${issue.effect})`,
    ...issue.examples.slice(0, 3).map((example) => `    ${example}`),
  ])
}

/** A piece of input for a message: one line, not too long. */
export function excerpt(text: string, length = 60): string {
  const line = text.slice(0, length * 4).replace(/[\s\p{Cc}]+/gu, ' ')
  return line.length <= length ? line : `${line.slice(0, length)}…`
}
