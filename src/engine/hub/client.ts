// HTTP to a Hugging Face hub: what a repository holds, requests for its files, and errors that say what to do.
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'

export const DEFAULT_ENDPOINT = 'https://huggingface.co'
/** A hub that sends nothing for this long counts as gone. */
export const IDLE_MS = 60_000

/** A model repository at one revision. */
export interface HubName {
  /** `owner/name`. */
  repo: string
  revision: string
  /** Path of one GGUF file in the repository; without it the whole model folder is meant. */
  file?: string
}

export interface Hub {
  endpoint: string
  token: string | undefined
  fetch: typeof fetch
}

export interface HubFile {
  path: string
  size: number
  /** SHA-256 of the content, known for large files. */
  sha256?: string
  /** Git's SHA-1 of the blob, known for small files. */
  blobId?: string
}

const weightCount = z.object({ total: z.number().int().positive() }).nullish().catch(undefined)
const infoSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{7,64}$/),
  safetensors: weightCount,
  gguf: weightCount,
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().int().nonnegative(),
      blobId: z.string().optional(),
      lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
    }),
  ),
})

const INSTEAD = 'Or download the model by other means and name its folder (or .gguf file) instead.'

/** The error for a request that got no answer. */
export function noConnection(hub: Hub, cause: unknown): BumpError {
  const error = cause as Error & { cause?: { code?: string } }
  const why = error.cause?.code ?? error.message
  return new BumpError(
    'download-failed',
    `no connection to the model hub ${hub.endpoint} (${why}). Check the network. ${INSTEAD}`,
    {
      cause,
    },
  )
}

/** The error for an answer other than success. */
export function refusal(hub: Hub, name: HubName, status: number, what: string): BumpError {
  const page = `${hub.endpoint}/${name.repo}`
  if (status === 401)
    return new BumpError(
      'download-failed',
      `${what}: the hub asks for a login (401): the model is private or gated, does not exist, or the token is wrong. ` +
        `Check the name, and set HF_TOKEN to an access token. ${INSTEAD}`,
    )
  if (status === 403)
    return new BumpError(
      'download-failed',
      `${what}: access refused (403): the model is gated. Accept its conditions at ${page} and set HF_TOKEN to an ` +
        `access token of that account. ${INSTEAD}`,
    )
  if (status === 404)
    return new BumpError(
      'download-failed',
      `${what}: not found on the hub (404). Check the name and the revision "${name.revision}" at ${page}. ${INSTEAD}`,
    )
  return new BumpError('download-failed', `${what}: the hub answered with HTTP ${status}. Try again later. ${INSTEAD}`)
}

/** A request to the hub; the token goes to the hub alone, redirects to other hosts drop it. */
export function request(
  hub: Hub,
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const authorization: Record<string, string> = hub.token ? { authorization: `Bearer ${hub.token}` } : {}
  return hub.fetch(`${hub.endpoint}${path}`, { headers: { ...headers, ...authorization }, signal })
}

export interface HubListing {
  commit: string
  files: HubFile[]
  /** Number of the model's weights, where the hub knows it. */
  weights: number | undefined
}

/** Commit and files of a model repository. Throws a BumpError where it cannot be read. */
export async function listFiles(hub: Hub, name: HubName): Promise<HubListing> {
  const what = `${name.repo} (no local folder or file, so looked up at ${hub.endpoint})`
  const path = `/api/models/${name.repo}/revision/${encodeURIComponent(name.revision)}?blobs=true`
  let body: unknown
  try {
    const response = await request(hub, path, {}, AbortSignal.timeout(IDLE_MS))
    if (!response.ok) throw refusal(hub, name, response.status, what)
    body = await response.json()
  } catch (error) {
    if (error instanceof BumpError) throw error
    if (error instanceof SyntaxError)
      throw new BumpError(
        'download-failed',
        `${what}: the hub's answer is not JSON. Check HF_ENDPOINT (${hub.endpoint}).`,
        {
          cause: error,
        },
      )
    throw noConnection(hub, error)
  }
  const info = infoSchema.safeParse(body)
  if (!info.success)
    throw new BumpError(
      'download-failed',
      `${what}: the hub's answer lacks a commit or file sizes. Check HF_ENDPOINT (${hub.endpoint}).`,
    )
  const files = info.data.siblings.map(({ rfilename, size, blobId, lfs }) => ({
    path: rfilename,
    size,
    ...(lfs ? { sha256: lfs.sha256 } : blobId && { blobId }),
  }))
  const { sha: commit, safetensors, gguf } = info.data
  return { commit, files, weights: (name.file === undefined ? safetensors : gguf)?.total }
}
