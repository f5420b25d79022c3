// Opening logs from a program: the front door to dataset.ts.
import { bareAddresses } from '../util/address.ts'
import { BumpError } from '../util/errors.ts'
import { requireOptions } from '../util/required.ts'
import { checkSource } from './check-source.ts'
import { type LogDataset, openLogs as openDataset } from './dataset.ts'
import type { LogSource } from './types.ts'

/** Logs that are open, with where they came from. */
export interface Logs extends LogDataset {
  readonly source: LogSource
}

const open = new Set<() => void>()
process.on('exit', () => {
  for (const close of open) close()
})

/**
 * Reads interaction logs into the canonical form: files, globs or addresses of any format that bump knows. `user`,
 * `time` and `text` are column names or SQL expressions over the columns; where one is left out, a column of a usual
 * name is taken. What was wrong with the logs stands in `report`. `close()` removes the temporary files, which hold the
 * texts; so does the end of the process, unless it is killed.
 * @throws BumpError `logs-unusable` or `invalid-options`, with file, line and what to do; CancelledError where `signal`
 * aborts
 */
export async function openLogs(
  paths: string | readonly string[],
  options: Omit<LogSource, 'paths'> & { signal?: AbortSignal } = {},
): Promise<Logs> {
  requireOptions('openLogs()', { paths }, ['paths'])
  if (typeof paths !== 'string' && !Array.isArray(paths))
    throw new BumpError(
      'invalid-options',
      'openLogs(): paths is a text or a list of texts; user, text and the like follow it',
    )
  const { signal, ...reading } = options
  const source: LogSource = { ...reading, paths: typeof paths === 'string' ? [paths] : [...paths] }
  checkSource('openLogs()', source)
  const dataset = await openDataset(source, signal)
  const { close } = dataset
  open.add(close)
  const stillOpen = (): void => {
    if (!open.has(close))
      throw new BumpError(
        'logs-unusable',
        `the logs ${source.paths.map(bareAddresses).join(', ')} were closed: open them again`,
      )
  }
  return {
    ...dataset,
    source,
    users() {
      stillOpen()
      return dataset.users()
    },
    async query(sql) {
      stillOpen()
      return await dataset.query(sql)
    },
    close() {
      open.delete(close)
      close()
    },
  }
}
