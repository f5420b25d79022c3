// The books of a log: what was read is either an interaction or a counted problem.
import type { IssueKind, LogReport } from '../types.ts'

const LEFT_OUT: readonly IssueKind[] = ['bad-line', 'missing-user', 'empty-text']

/** Throws where records, problems and interactions do not add up. `seen`: interactions that came out. */
export function checkCounts({ records, merged, interactions, issues, files }: LogReport, seen: number): void {
  const left = issues.filter(({ kind }) => LEFT_OUT.includes(kind)).reduce((sum, { count }) => sum + count, 0)
  const inFiles = files.reduce((sum, file) => sum + file.records, 0)
  if (seen !== interactions || inFiles !== records || records !== interactions + merged + left)
    throw new Error(
      `the counts do not add up: ${seen} interactions came out, the report says ${interactions} of ${records} records ` +
        `(${inFiles} by file), ${merged} merged and ${left} left out`,
    )
}
