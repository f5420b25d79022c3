// Fetching logs from addresses: bounded in time and size, and never redirected from the open net into a private one.
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { Transform } from 'node:stream'
import { webFetch } from '../util/web-fetch.ts'

/** Seconds in which a server must begin to answer, and in which it may be silent within an answer. */
const SILENT_SECONDS = 60
const MOST_REDIRECTS = 5
/** Of one download; logs that are larger are fetched by other tools. */
const MOST_BYTES = 64 * 2 ** 30

const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, bits)
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv6')

/** Whether a host is this machine or one of a private network. */
export async function isPrivateHost(host: string): Promise<boolean> {
  const bare = host.replace(/^\[|\]$/g, '')
  const found = isIP(bare) ? [{ address: bare, family: isIP(bare) }] : await lookup(bare, { all: true })
  return found.some(({ address, family }) => PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4'))
}

/**
 * Fetches an address. The caller's own address may be anywhere; a redirect leads to http(s), and to a private host only
 * from that very host. Throws an Error that says what was wrong.
 */
export async function fetchPublic(address: string, silentSeconds = SILENT_SECONDS): Promise<Response> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const headers = new Headers(url.username === '' ? [] : [['authorization', basic(url)]])
    const bare = new URL(url)
    bare.username = ''
    bare.password = ''
    const controller = new AbortController()
    const timer = setTimeout(
      () => controller.abort(new Error(`the server did not answer in ${silentSeconds} seconds`)),
      silentSeconds * 1000,
    )
    let response: Response
    try {
      response = await webFetch(bare, { redirect: 'manual', signal: controller.signal, headers })
    } finally {
      clearTimeout(timer)
    }
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return response
    await response.body?.cancel()
    const next = new URL(location, url)
    if (!/^https?:$/.test(next.protocol))
      throw new Error(`the server redirects to ${next.protocol}//, which is refused`)
    if (next.host !== url.host && (await isPrivateHost(next.hostname)))
      throw new Error(`the server redirects to ${next.host}, a private address, which is refused`)
    url = next
  }
  throw new Error(`the server redirects more than ${MOST_REDIRECTS} times`)
}

function basic({ username, password }: URL): string {
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
}

/** Lets a body pass, and fails where it is too large or falls silent. */
export function boundedBody(mostBytes = MOST_BYTES, silentSeconds = SILENT_SECONDS): Transform {
  let bytes = 0
  let timer: NodeJS.Timeout
  const wait = () => {
    clearTimeout(timer)
    timer = setTimeout(
      () => stream.destroy(new Error(`the server fell silent for ${silentSeconds} seconds`)),
      silentSeconds * 1000,
    )
  }
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      wait()
      if (bytes > mostBytes) done(new Error(`the answer is larger than ${mostBytes / 2 ** 30} GiB`))
      else done(null, chunk)
    },
    destroy(error, done) {
      clearTimeout(timer)
      done(error)
    },
    flush(done) {
      clearTimeout(timer)
      done()
    },
  })
  wait()
  return stream
}
