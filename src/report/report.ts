// `bump report`: run folders and results of evaluations in, one self-contained HTML file out. The last room of the
// flow.
import { statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { BumpError } from '../util/errors.ts'
import { writeFileAtomic } from '../util/files.ts'
import { requireOptions } from '../util/required.ts'
import { MAX_RUNS } from './charts/chart.ts'
import { page } from './page.ts'
import { readEvaluation } from './read-evaluation.ts'
import { readRunData } from './run-data.ts'

export interface ReportOptions {
  /** Run folders, compared side by side; the first is drawn in the accent colour. */
  runs: readonly string[]
  /** result.json files of evaluations, or their folders. */
  evaluations?: readonly string[]
  /** The file, or a folder for a report.html. Default: the first run's folder. */
  out?: string
}

/**
 * Writes the report of one run or several. Files that a run does not have yet, and damaged lines, become notes in it.
 * Throws BumpError where a folder is no run, an evaluation is none, or there are more runs than a chart can tell apart.
 */
export async function writeReport(options: ReportOptions): Promise<{ path: string; bytes: number; notes: string[] }> {
  requireOptions('writeReport()', options, ['runs'])
  const { runs, evaluations = [], out } = options
  const folders = [...new Set(runs.map((path) => resolve(path)))]
  if (folders.length === 0) throw new BumpError('invalid-options', 'Name at least one run folder.')
  if (folders.length > MAX_RUNS)
    throw new BumpError(
      'invalid-options',
      `${folders.length} runs are more than one report can tell apart. Name at most ${MAX_RUNS}.`,
    )
  const results = evaluations.map(readEvaluation)
  const names = folders.map((path) => basename(path))
  const data = []
  for (const [i, path] of folders.entries()) {
    const unique = names.filter((name) => name === names[i]).length === 1
    data.push(await readRunData(path, unique ? names[i] : `${names[i]} (${i + 1})`))
  }
  const content = page(data, results)
  const path = out === undefined || isFolder(out) ? join(out ?? runs[0], 'report.html') : out
  writeFileAtomic(path, content)
  return {
    path,
    bytes: Buffer.byteLength(content),
    notes: data.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)),
  }
}

/** Whether a path is a folder, or is written as one. */
function isFolder(path: string): boolean {
  return path.endsWith('/') || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
}
