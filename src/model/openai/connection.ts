// How a program names a server and says how to ask it: what openOpenAi and openServedModel share.
import { patientFetch } from '../../util/web-fetch.ts'
import type { ServerAccess } from '../served.ts'
import { Parameters } from './parameters.ts'
import { checkedServer, type Server } from './server.ts'

export interface ConnectionOptions extends ServerAccess {
  /** The model's name on that server. */
  model: string
  /**
   * Called once with each thing that the server does not take (a parameter, a system message) and what follows for the
   * answers. Default: a warning of the process.
   */
  onNote?: (line: string) => void
}

export interface Connection {
  server: Server
  parameters: Parameters
  concurrency: number
  onNote: (line: string) => void
}

/** A server with the defaults filled in; nothing is sent. Throws what `checkedServer` throws. */
export function connectionOf(options: ConnectionOptions): Connection {
  const { baseUrl, model, apiKey, concurrency = 8, maxRetries = 5, timeout = 240, backoff = 0.5 } = options
  const { onNote = (line: string) => process.emitWarning(line), fetch = patientFetch } = options
  const server = checkedServer({
    ...{ baseUrl, model, apiKey, maxRetries, fetch, price: options.price },
    timeout: timeout * 1000,
    backoff: backoff * 1000,
  })
  return { server, parameters: new Parameters(model, options.thinkingTokens ?? 4096, onNote), concurrency, onNote }
}
