// A model server for tests, on a socket: it keeps what it was sent, and answers as it is told.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface TestUpstream {
  baseUrl: string
  asked: Asked[]
  /** How the next requests are answered. */
  answer: (response: ServerResponse, asked: Asked) => void
  /** Requests that the other side broke off. */
  broken: number
  close(): Promise<void>
}

export async function testUpstream(): Promise<TestUpstream> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url = '', headers } = request
    const asked = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') }
    upstream.asked.push(asked)
    response.on('close', () => {
      if (!response.writableEnded) upstream.broken++
    })
    upstream.answer(response, asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream: TestUpstream = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: [],
    answer: (response) => response.end('{}'),
    broken: 0,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return upstream
}
