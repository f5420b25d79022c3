// An MLflow tracking server, through its REST interface (mlflow.org/docs/latest/rest-api.html): its address and the
// user's credentials, and one bounded request. Used by tracked-run.ts.
import { boundedText } from '../../util/bounded-text.ts'
import { BumpError } from '../../util/errors.ts'
import { parseJson } from '../../util/parse-json.ts'
import { webFetch } from '../../util/web-fetch.ts'

/**
 * Milliseconds: that one request may take, and all that has gathered; before the first retry while training goes on,
 * doubled up to the longest; before each try at the end.
 */
export const WAITS = { request: 10_000, sending: 60_000, first: 10_000, longest: 300_000, end: [0, 2_000, 5_000] }

/** What MLflow answers where something does not exist. */
export const ABSENT = 'RESOURCE_DOES_NOT_EXIST'

/** The server refused a request; `errorCode` is MLflow's own. */
export class MlflowRefusal extends BumpError {
  constructor(
    message: string,
    readonly errorCode: string | undefined,
  ) {
    super('server-failed', message)
  }
}

export class MlflowServer {
  /** The address as it may be written down. */
  readonly shown: string

  private constructor(
    base: URL,
    private readonly authorization: string | undefined,
  ) {
    this.shown = `${base.origin}${base.pathname}`.replace(/\/$/, '')
  }

  /**
   * Checks the address; credentials are those of MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME with
   * MLFLOW_TRACKING_PASSWORD. Throws BumpError (`invalid-options`) where the address is not one of HTTP or holds a
   * password.
   */
  static at(uri: string): MlflowServer {
    const base = URL.canParse(uri) ? new URL(uri) : undefined
    if (base === undefined || !/^https?:$/.test(base.protocol))
      throw new BumpError(
        'invalid-options',
        'mlflow: its address is that of a tracking server, such as http://127.0.0.1:5000; folders and databases are reached through `mlflow server`',
      )
    if (base.username !== '' || base.password !== '' || base.search !== '')
      throw new BumpError(
        'invalid-options',
        `mlflow: the address of the server at ${base.host} holds a user name, password or query: give it bare, and what lets you in by MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD`,
      )
    return new MlflowServer(base, authorizationOf(process.env))
  }

  /** The JSON answer to a GET with `query`. */
  async get(path: string, query: Record<string, string>, signal?: AbortSignal): Promise<unknown> {
    return await this.request(`${path}?${new URLSearchParams(query)}`, { method: 'GET' }, signal)
  }

  /** The JSON answer to a POST of `body`. */
  async post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    const headers = { 'content-type': 'application/json' }
    return await this.request(path, { method: 'POST', headers, body: JSON.stringify(body) }, signal)
  }

  /** Throws BumpError (`server-failed`) where there is no answer in time, or another than MLflow's. */
  private async request(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
    const failed = (why: string, cause?: unknown) =>
      new BumpError('server-failed', `MLflow at ${this.shown} ${why}`, { cause })
    const timeout = AbortSignal.timeout(WAITS.request)
    let response: Response
    let text: string | undefined
    try {
      response = await webFetch(`${this.shown}/api/2.0/mlflow/${path}`, {
        ...init,
        headers: { ...init.headers, ...(this.authorization ? { authorization: this.authorization } : {}) },
        // A redirect could carry settings and credentials to another host.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      text = await boundedText(response)
    } catch (cause) {
      const { message, cause: inner } = cause as Error & { cause?: { code?: string } }
      const late = timeout.aborted || signal?.aborted
      throw failed(
        late
          ? 'did not answer in time.'
          : `cannot be reached (${inner?.code ?? message}): is it running, and is this its address?`,
        cause,
      )
    }
    const { status } = response
    if (status >= 300 && status < 400) throw failed('redirects: give the address that it redirects to.')
    const answer = objectOf(text)
    if (response.ok && answer) return answer
    if (status === 401 || status === 403)
      throw failed(
        `refuses access (${status}): set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.`,
      )
    if (typeof answer?.error_code === 'string')
      throw new MlflowRefusal(
        `MLflow at ${this.shown} refuses: ${String(answer.message ?? answer.error_code).slice(0, 300)}.`,
        answer.error_code,
      )
    throw failed(`answers ${status} with something that is not MLflow's: is this the address of a tracking server?`)
  }
}

function authorizationOf(env: NodeJS.ProcessEnv): string | undefined {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = env
  if (user) return `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`
  if (!token) return undefined
  // What fetch says of an unusable header repeats it.
  if (/[^\x21-\x7e]/.test(token))
    throw new BumpError('invalid-options', 'MLFLOW_TRACKING_TOKEN holds white space or characters that no token has')
  return `Bearer ${token}`
}

function objectOf(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value = parseJson(text ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
