// The thread that tells a Tinker server that its session is alive. A thread of its own: a server that hears nothing for
// minutes unloads the session's models, and judging on this machine's processor can keep the main thread that long.
import { workerData } from 'node:worker_threads'
import { webFetch } from '../../util/web-fetch.ts'

/** What the thread is started with. */
export interface HeartbeatStart {
  /** Of session_heartbeat. */
  address: string
  apiKey: string | undefined
  sessionId: string
  /** Milliseconds between beats. */
  every: number
}

const { address, apiKey, sessionId, every } = workerData as HeartbeatStart

setInterval(() => {
  // A beat that is lost is followed by the next; what is wrong with a server, the requests of the main thread say.
  void webFetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }) },
    body: JSON.stringify({ session_id: sessionId, type: 'session_heartbeat' }),
    redirect: 'manual',
    signal: AbortSignal.timeout(every),
  }).then(
    (response) => response.body?.cancel(),
    () => {},
  )
}, every)
