// One file of a hub repository onto the disk: resumed where an earlier attempt stopped, checked, then renamed into
// place.
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BumpError, CancelledError } from '../../util/errors.ts'
import { writeProblem } from '../../util/writing.ts'
import { type Hub, type HubFile, type HubName, IDLE_MS, noConnection, refusal, request } from './client.ts'

/** Attempts in a row that bring no new byte before giving up. */
const ATTEMPTS = 3
const PAUSE_MS = 300

const sizeOf = (path: string) => (existsSync(path) ? statSync(path).size : 0)

function diskProblem(path: string, error: unknown): unknown {
  const problem = writeProblem(path, error)
  if (!(problem instanceof BumpError)) return error
  const advice = "The cache's place can be set by BUMP_CACHE; what was downloaded is kept and continued."
  return new BumpError('download-failed', `${problem.message} ${advice}`, { cause: error })
}

/**
 * Writes the rest of a file from one response. Errors of the disk are BumpErrors, those of the network as they come.
 */
async function receive(
  response: Response,
  partial: string,
  size: number,
  abort: AbortController,
  onBytes: (n: number) => void,
) {
  const resumed = response.status === 206
  const descriptor = openSync(partial, resumed ? 'a' : 'w')
  let written = resumed ? sizeOf(partial) : 0
  let idle: NodeJS.Timeout | undefined
  const watch = () => {
    clearTimeout(idle)
    idle = setTimeout(() => abort.abort(new Error(`nothing received for ${IDLE_MS / 1000} s`)), IDLE_MS)
  }
  try {
    watch()
    for await (const chunk of response.body ?? []) {
      watch()
      const bytes = chunk as Uint8Array
      written += bytes.length
      if (written > size) return
      for (let done = 0; done < bytes.length; ) {
        try {
          done += writeSync(descriptor, bytes, done)
        } catch (error) {
          throw diskProblem(partial, error)
        }
      }
      onBytes(written)
    }
  } finally {
    clearTimeout(idle)
    if (written > size) ftruncateSync(descriptor, 0)
    closeSync(descriptor)
  }
}

/** Whether the content is what the hub lists: SHA-256 of large files, git's blob hash of small ones. */
async function isIntact(path: string, file: HubFile): Promise<boolean> {
  if (sizeOf(path) !== file.size) return false
  if (file.sha256 === undefined && file.blobId?.length !== 40) return true
  const hash = createHash(file.sha256 === undefined ? 'sha1' : 'sha256')
  if (file.sha256 === undefined) hash.update(`blob ${file.size}\0`)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex') === (file.sha256 ?? file.blobId)
}

/**
 * Downloads one file to `target`, if it is not there yet. `onBytes` gets the file's bytes so far.
 * What an interrupted attempt received stays beside the target (`.partial`) and is continued by the next one.
 * Throws a BumpError for refusals, lost connections, full disks and content that does not match its checksum, and a
 * CancelledError where the signal aborts.
 */
export async function downloadFile(
  hub: Hub,
  name: HubName,
  commit: string,
  file: HubFile,
  target: string,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (sizeOf(target) === file.size && existsSync(target)) return onBytes(file.size)
  const partial = `${target}.partial`
  const what = `${name.repo}/${file.path}`
  try {
    mkdirSync(dirname(target), { recursive: true })
  } catch (error) {
    throw diskProblem(target, error)
  }
  if (sizeOf(partial) > file.size) rmSync(partial)
  const path = `/${name.repo}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`
  for (let failures = 0; sizeOf(partial) < file.size || !existsSync(partial); ) {
    const have = sizeOf(partial)
    const abort = new AbortController()
    const connecting = setTimeout(() => abort.abort(new Error(`no answer within ${IDLE_MS / 1000} s`)), IDLE_MS)
    try {
      const response = await request(
        hub,
        path,
        have > 0 ? { range: `bytes=${have}-` } : {},
        signal ? AbortSignal.any([signal, abort.signal]) : abort.signal,
      )
      clearTimeout(connecting)
      if (!response.ok) {
        await response.body?.cancel()
        throw refusal(hub, name, response.status, what)
      }
      await receive(response, partial, file.size, abort, onBytes)
      if (sizeOf(partial) <= have && file.size > 0) failures++
      else failures = 0
    } catch (error) {
      if (signal?.aborted) throw new CancelledError()
      if (error instanceof BumpError) throw error
      failures = sizeOf(partial) > have ? 1 : failures + 1
      if (failures >= ATTEMPTS || isRefused(error)) throw noConnection(hub, error)
      await pause(PAUSE_MS * failures)
    } finally {
      clearTimeout(connecting)
    }
    if (failures >= ATTEMPTS)
      throw new BumpError(
        'download-failed',
        `${what}: the hub sends fewer or more bytes than the ${file.size} that it lists. Try again later.`,
      )
  }
  if (!(await isIntact(partial, file))) {
    rmSync(partial, { force: true })
    throw new BumpError(
      'download-failed',
      `${what}: the checksum of the downloaded file does not match the hub's; it was deleted. Start the download again.`,
    )
  }
  renameSync(partial, target)
  onBytes(file.size)
}

/** A host that is not there will not be there in a second either. */
function isRefused(error: unknown): boolean {
  const code = (error as { cause?: { code?: string } }).cause?.code
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN'
}
