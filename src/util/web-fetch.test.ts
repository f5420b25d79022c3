// Through a proxy on this machine, and past it.
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasProxy, patientFetch, webFetch } from './web-fetch.ts'

const servers: Server[] = []
let proxy: string
let target: string
/** What the proxy was asked: method and address. */
let asked: string[]

async function listening(server: Server): Promise<string> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeEach(async () => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'])
    vi.stubEnv(name, undefined)
  asked = []
  target = await listening(createServer((_, response) => response.end('the target')))
  // It knows the hosts of the tests, which no name server does.
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization'] ?? ''}`.trim())
    const [host, port] = target.split(':')
    request({ host, port }, (answer) => answer.pipe(response)).end()
  })
  server.on('connect', (incoming, socket) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  proxy = await listening(server)
})
afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const textOf = async (fetch: typeof globalThis.fetch, address: string) => (await fetch(address)).text()

describe.each([
  ['webFetch', webFetch],
  ['patientFetch', patientFetch],
])('%s', (_, fetch) => {
  it.each([
    ['HTTP_PROXY', 'http://'],
    ['http_proxy', ''],
  ])('goes through %s, written with "%s"', async (name, scheme) => {
    vi.stubEnv(name, `${scheme}${proxy}`)
    expect(await textOf(fetch, 'http://model.invalid:8000/v1')).toBe('the target')
    expect(asked).toEqual(['GET http://model.invalid:8000/v1'])
    expect(hasProxy()).toBe(true)
  })

  it('opens a tunnel for https', async () => {
    vi.stubEnv('HTTPS_PROXY', `http://${proxy}`)
    await expect(fetch('https://model.invalid/v1')).rejects.toThrow()
    expect(asked).toEqual(['CONNECT model.invalid:443'])
  })

  it('asks the proxy by its name and password', async () => {
    vi.stubEnv('HTTP_PROXY', `http://me:p%40ss@${proxy}`)
    await textOf(fetch, 'http://model.invalid/')
    expect(asked).toEqual([`GET http://model.invalid/ Basic ${Buffer.from('me:p@ss').toString('base64')}`])
  })

  it.each(['model.invalid', '.invalid', 'other, *.invalid', '*'])('goes past it for NO_PROXY=%s', async (hosts) => {
    vi.stubEnv('HTTP_PROXY', `http://${proxy}`)
    vi.stubEnv('NO_PROXY', hosts)
    await expect(fetch('http://model.invalid/')).rejects.toThrow()
    expect(asked).toEqual([])
  })

  it('goes past it to this machine, and without one', async () => {
    expect(hasProxy()).toBe(false)
    expect(await textOf(fetch, `http://${target}/`)).toBe('the target')
    vi.stubEnv('HTTP_PROXY', `http://${proxy}`)
    expect(await textOf(fetch, `http://${target}/`)).toBe('the target')
    expect(asked).toEqual([])
  })
})
