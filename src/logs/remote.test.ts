import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, expect, it } from 'vitest'
import { openLogs } from './dataset.ts'
import { boundedBody, fetchPublic, isPrivateHost } from './remote.ts'
import { gzipped, testFolder } from './testing/files.ts'

const folder = testFolder()
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it.each([
  '127.0.0.1',
  '10.1.2.3',
  '169.254.169.254',
  '172.31.0.1',
  '192.168.1.1',
  '[::1]',
  '[fe80::1]',
  '[fd00::1]',
  '[::ffff:127.0.0.1]',
  'localhost',
])('%s is private', async (host) => {
  expect(await isPrivateHost(host)).toBe(true)
})

it.each(['8.8.8.8', '172.32.0.1', '[2606:4700::1111]'])('%s is public', async (host) => {
  expect(await isPrivateHost(host)).toBe(false)
})

it('follows a redirect on the same host, and none to another private one', async () => {
  const inner = await serve((_, answer) => answer.end('secret'))
  const outer = await serve((request, answer) => {
    const to = { '/same': '/log', '/other': `${inner}/secret`, '/file': 'file:///etc/passwd', '/loop': '/loop' }
    const location = to[request.url?.split('?')[0] as keyof typeof to]
    if (location) answer.writeHead(302, { location }).end()
    else answer.end('words')
  })
  expect(await (await fetchPublic(`${outer}/same`)).text()).toBe('words')
  await expect(fetchPublic(`${outer}/other`)).rejects.toThrow('a private address, which is refused')
  await expect(fetchPublic(`${outer}/file`)).rejects.toThrow('redirects to file:')
  await expect(fetchPublic(`${outer}/loop`)).rejects.toThrow('more than 5 times')
  const logs = openLogs({ paths: [`${outer}/other?key=1`] })
  await expect(logs).rejects.toThrow(/other could not be fetched: the server redirects to 127/)
  await expect(logs).rejects.not.toThrow('key=1')
})

it('gives up where a server is silent, before its answer or within it', async () => {
  const silent = await serve(() => {})
  await expect(fetchPublic(silent, 0.1)).rejects.toThrow('did not answer in 0.1 seconds')
  const stops = await serve((_, answer) => void answer.write('some'))
  const { body } = await fetchPublic(stops)
  await expect(pipeline(Readable.fromWeb(body!), boundedBody(100, 0.1), drain)).rejects.toThrow(
    'silent for 0.1 seconds',
  )
})

it('takes no more than the limit', async () => {
  const endless = await serve((_, answer) => void Readable.from(endlessly()).pipe(answer))
  const { body } = await fetchPublic(endless)
  await expect(pipeline(Readable.fromWeb(body!), boundedBody(2 ** 20), drain)).rejects.toThrow('larger than')
})

it('sends the user and password of an address', async () => {
  const server = await serve((request, answer) => answer.end(request.headers.authorization))
  const address = server.replace('http://', 'http://me:w%40rd@')
  expect(await (await fetchPublic(address)).text()).toBe(`Basic ${Buffer.from('me:w@rd').toString('base64')}`)
})

it('reads no packed file that grows beyond all measure', async () => {
  const bomb = gzipped(`{"user":"u","text":"x"}\n${`${'a'.repeat(2 ** 20)}\n`.repeat(70)}`)
  const path = folder.write('bomb.jsonl.gz', bomb)
  await expect(openLogs({ paths: [path] })).rejects.toThrow(/bomb\.jsonl\.gz unpacks to over 200 times its size/)
})

async function drain(source: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of source);
}

function* endlessly() {
  for (;;) yield Buffer.alloc(2 ** 16)
}
