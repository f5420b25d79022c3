// HTTP as all of bump speaks it: Node's own fetch knows no proxies, so that of undici (of which Node's is a copy) is
// taken, with the proxies that the environment names.
import type { Dispatcher } from 'undici'

/** Never asked through a proxy, as in Go: an address of this machine means nothing to another one. */
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/**
 * `fetch` through the proxy that HTTPS_PROXY or HTTP_PROXY names, except for the hosts of NO_PROXY and this machine
 * (upper or lower case; a proxy without its http:// is understood). Gives up where nothing is received for 300 s.
 */
export const webFetch: typeof fetch = (input, init) => fetchBy('usual', input, init)

/** `webFetch` that waits as long as the request's own signal allows: a large model may think longer than 300 s. */
export const patientFetch: typeof fetch = (input, init) => fetchBy('patient', input, init)

/** Whether the environment names a proxy. */
export function hasProxy(): boolean {
  const { httpProxy, httpsProxy } = proxies()
  return httpProxy !== '' || httpsProxy !== ''
}

type Kind = 'usual' | 'patient'
/** One pool of connections for each kind, made anew where the environment names other proxies. */
const dispatchers = new Map<Kind, { key: string; dispatcher: Dispatcher }>()

async function fetchBy(kind: Kind, input: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> {
  // Loaded with the first request: most commands make none.
  const undici = await import('undici')
  const key = JSON.stringify(proxies())
  let made = dispatchers.get(kind)
  if (made?.key !== key) {
    const agent = agentOf(undici)
    const unhurried: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
      dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, handler)
    made = { key, dispatcher: kind === 'patient' ? agent.compose(unhurried) : agent }
    dispatchers.set(kind, made)
  }
  const options = { ...init, dispatcher: made.dispatcher } as Parameters<typeof undici.fetch>[1]
  return (await undici.fetch(input as Parameters<typeof undici.fetch>[0], options)) as unknown as Response
}

/** Connections of one's own through the proxies that the environment names; the caller closes them. */
export async function proxiedAgent(): Promise<Dispatcher> {
  return agentOf(await import('undici'))
}

function agentOf(undici: typeof import('undici')): Dispatcher {
  // http:// is asked for plainly, as curl does: many proxies open tunnels to port 443 alone.
  return new undici.EnvHttpProxyAgent({ ...proxies(), proxyTunnel: false })
}

/** Empty where there is none. */
function proxies(): { httpProxy: string; httpsProxy: string; noProxy: string } {
  const { env } = process
  const noProxy = (env.no_proxy ?? env.NO_PROXY ?? '').trim()
  return {
    httpProxy: withScheme(env.http_proxy ?? env.HTTP_PROXY),
    httpsProxy: withScheme(env.https_proxy ?? env.HTTPS_PROXY),
    noProxy: noProxy.split(/[,\s]+/).includes('*') ? '*' : [noProxy, ...LOOPBACK].join(','),
  }
}

/** `proxy.firm:3128` is an address to curl; a URL needs its scheme. */
function withScheme(proxy = ''): string {
  const text = proxy.trim()
  return text === '' || /^\w+:\/\//.test(text) ? text : `http://${text}`
}
