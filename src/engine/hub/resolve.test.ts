// Resolving models against a local HTTP server that speaks the hub's API.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { refuseFamily } from '../weights/gguf-source.ts'
import { ggufBytes } from '../weights/testing/write-gguf.ts'
import { bytesToCome, parseHubName, resolveModel } from './resolve.ts'

const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const weights = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) % 256))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const gitBlob = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

interface FakeFile {
  content: Buffer
  lfs?: boolean
}

let folder: string
let server: Server
let endpoint: string
let files: Record<string, FakeFile>
let requests: { url: string; range?: string; authorization?: string }[]
/** Answers a request itself by returning true. */
let intercept: (request: IncomingMessage, response: ServerResponse) => boolean

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { range, authorization } = request.headers
  requests.push({ url: request.url as string, ...(range && { range }), ...(authorization && { authorization }) })
  if (intercept(request, response)) return
  const url = request.url as string
  if (url.startsWith('/api/models/acme/tiny/revision/')) {
    const siblings = Object.entries(files).map(([rfilename, { content, lfs }]) => ({
      rfilename,
      size: content.length,
      blobId: gitBlob(content),
      ...(lfs && { lfs: { sha256: sha256(content), size: content.length } }),
    }))
    response.end(JSON.stringify({ sha: COMMIT, siblings }))
    return
  }
  const file = files[url.replace(`/acme/tiny/resolve/${COMMIT}/`, '')]
  if (file === undefined) return void response.writeHead(404).end()
  const from = range ? Number(/bytes=(\d+)-/.exec(range)?.[1]) : 0
  response.writeHead(range ? 206 : 200, { 'content-length': file.content.length - from })
  response.end(file.content.subarray(from))
}

/** Files that were asked for. */
const names = () => requests.map(({ url }) => url.split(`${COMMIT}/`)[1]).filter(Boolean)

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bump-hub-'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'cache'))
  for (const name of ['HF_TOKEN', 'HF_ENDPOINT', 'HF_HUB_OFFLINE']) vi.stubEnv(name, '')
  requests = []
  intercept = () => false
  files = {
    'config.json': { content: Buffer.from('{}') },
    'tokenizer.json': { content: Buffer.from('{"model":{}}') },
    'README.md': { content: Buffer.from('not wanted') },
    'model.safetensors': { content: weights, lfs: true },
    'quant/tiny-q4.gguf': { content: weights.subarray(0, 999), lfs: true },
  }
  server = createServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
  rmSync(folder, { recursive: true })
})

test('an abort ends a download, and what has come stays', async () => {
  const controller = new AbortController()
  intercept = ({ url }, response) => {
    if (!url?.endsWith('model.safetensors')) return false
    response.writeHead(200, { 'content-length': weights.length })
    response.write(weights.subarray(0, 1000), () => setTimeout(() => controller.abort(), 20))
    return true
  }
  const { signal } = controller
  await expect(resolveModel('acme/tiny', { endpoint, signal })).rejects.toMatchObject({ code: 'cancelled' })
  intercept = () => false
  const path = await resolveModel('acme/tiny', { endpoint })
  expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true)
  expect(requests.at(-1)?.range ?? '').toMatch(/^(bytes=1000-)?$/)
})

test('an unsupported model is refused before its weights are downloaded', async () => {
  const seen: string[] = []
  const checkConfig = (path: string) => {
    seen.push(readFileSync(join(path, 'config.json'), 'utf8'))
    throw new BumpError('model-unusable', 'not this one')
  }
  await expect(resolveModel('acme/tiny', { endpoint, checkConfig })).rejects.toThrow('not this one')
  expect(seen).toEqual(['{}'])
  expect(requests.map(({ url }) => url.split('/').at(-1))).toEqual(['main?blobs=true', 'config.json'])
})

test('an unsupported GGUF file is refused by its first bytes, before the rest and the other shards come', async () => {
  const family = { type: 'string', value: 'mamba' } as const
  const start = ggufBytes({ metadata: [['general.architecture', family]], tensors: [] })
  const content = Buffer.concat([start, Buffer.alloc(32 << 20)])
  for (const i of [1, 2]) files[`mamba-0000${i}-of-00002.gguf`] = { content }
  let sent = 0
  intercept = ({ url }, response) => {
    if (!url?.endsWith('.gguf')) return false
    response.writeHead(200, { 'content-length': content.length })
    const write = (): void => {
      if (response.destroyed || sent >= content.length) return void response.end()
      const part = content.subarray(sent, sent + (1 << 20))
      sent += part.length
      response.write(part, () => setImmediate(write))
    }
    write()
    return true
  }
  const where = 'acme/tiny/mamba-00001-of-00002.gguf'
  await expect(resolveModel(where, { endpoint, checkStart: refuseFamily })).rejects.toThrow(
    `${where}: the architecture "mamba" (general.architecture) is not supported`,
  )
  expect(sent).toBeLessThan(content.length)
  expect(requests.filter(({ url }) => url.endsWith('.gguf'))).toHaveLength(1)
})

async function problemOf(where: string): Promise<string> {
  const error = await resolveModel(where, { endpoint }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(BumpError)
  return (error as BumpError).message
}

test('hub names with file and revision are told from everything else', () => {
  expect(parseHubName('acme/tiny')).toEqual({ repo: 'acme/tiny', revision: 'main' })
  expect(parseHubName('acme/tiny@v1.0')).toEqual({ repo: 'acme/tiny', revision: 'v1.0' })
  expect(parseHubName('acme/tiny/q/a.gguf@refs/pr/1')).toEqual({
    repo: 'acme/tiny',
    revision: 'refs/pr/1',
    file: 'q/a.gguf',
  })
  for (const other of ['tiny', './acme/tiny', '/acme/tiny', '../tiny', 'acme/tiny/x', 'acme/../x/a.gguf', 'a b/c', ''])
    expect(parseHubName(other)).toBeUndefined()
})

test('existing folders and GGUF files are given back, other files are refused', async () => {
  writeFileSync(join(folder, 'a.gguf'), '')
  writeFileSync(join(folder, 'a.bin'), '')
  expect(await resolveModel(folder)).toBe(resolve(folder))
  expect(await resolveModel(join(folder, 'a.gguf'))).toBe(join(folder, 'a.gguf'))
  expect(await problemOf(join(folder, 'a.bin'))).toContain('not a .gguf')
  expect(await problemOf(join(folder, 'missing'))).toMatch(/no such folder or file.*not a hub name/)
  expect(requests).toEqual([])
})

test('a model is downloaded, reported, and used again without the hub', async () => {
  const lines: string[] = []
  const where = await resolveModel('acme/tiny', { endpoint, onProgress: (line) => lines.push(line) })
  expect(readFileSync(join(where, 'model.safetensors')).equals(weights)).toBe(true)
  expect(existsSync(join(where, 'config.json'))).toBe(true)
  expect(existsSync(join(where, 'README.md'))).toBe(false)
  expect(lines.at(-1)).toContain('100 %')

  requests = []
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  expect(await resolveModel('acme/tiny', { endpoint })).toBe(where)
  expect(requests).toEqual([])
  expect(await problemOf('acme/other')).toContain('HF_HUB_OFFLINE')
})

test('a deleted or shortened file is downloaded again', async () => {
  const where = await resolveModel('acme/tiny', { endpoint })
  writeFileSync(join(where, 'model.safetensors'), weights.subarray(0, 10))
  await resolveModel('acme/tiny', { endpoint })
  expect(readFileSync(join(where, 'model.safetensors')).equals(weights)).toBe(true)
})

test('one GGUF file of a repository', async () => {
  const where = await resolveModel('acme/tiny/quant/tiny-q4.gguf', { endpoint })
  expect(where.endsWith('tiny-q4.gguf')).toBe(true)
  expect(readFileSync(where).length).toBe(999)
  expect(await problemOf('acme/tiny/other.gguf')).toContain('quant/tiny-q4.gguf')
})

test('any shard of a GGUF model brings the others', async () => {
  for (const i of [1, 2, 3]) files[`q/tiny-0000${i}-of-00003.gguf`] = { content: weights.subarray(0, i), lfs: true }
  const where = await resolveModel('acme/tiny/q/tiny-00002-of-00003.gguf', { endpoint })
  expect(where.endsWith('q/tiny-00002-of-00003.gguf')).toBe(true)
  for (const i of [1, 2, 3])
    expect(readFileSync(where.replace('00002-of', `0000${i}-of`)).equals(weights.subarray(0, i))).toBe(true)
  const problem = await problemOf('acme/tiny/other.gguf')
  expect(problem).toContain('q/tiny-00001-of-00003.gguf')
  expect(problem).not.toContain('q/tiny-00002-of-00003.gguf')
  delete files['q/tiny-00003-of-00003.gguf']
  expect(await problemOf('acme/tiny/q/tiny-00001-of-00003.gguf@v2')).toMatch(
    /no file q\/tiny-00003-of-00003\.gguf, of which q\/tiny-00001-of-00003\.gguf is a shard/,
  )
})

test('a sharded model comes with its index, without the unsharded copy of other formats', async () => {
  delete files['model.safetensors']
  files['model-00001-of-00002.safetensors'] = { content: weights.subarray(0, 5), lfs: true }
  files['model-00002-of-00002.safetensors'] = { content: weights.subarray(5, 9), lfs: true }
  files['model.safetensors.index.json'] = { content: Buffer.from('{}') }
  files['pytorch_model.bin'] = { content: weights, lfs: true }
  const where = await resolveModel('acme/tiny', { endpoint })
  expect(existsSync(join(where, 'model-00002-of-00002.safetensors'))).toBe(true)
  expect(existsSync(join(where, 'model.safetensors.index.json'))).toBe(true)
  expect(existsSync(join(where, 'pytorch_model.bin'))).toBe(false)
})

test('a cut connection is resumed where it stopped', async () => {
  let cuts = 0
  intercept = (request, response) => {
    if (!request.url?.endsWith('model.safetensors') || cuts++ > 0) return false
    response.writeHead(200, { 'content-length': weights.length })
    response.write(weights.subarray(0, 20_000), () => setImmediate(() => response.destroy()))
    return true
  }
  const where = await resolveModel('acme/tiny', { endpoint })
  expect(readFileSync(join(where, 'model.safetensors')).equals(weights)).toBe(true)
  const ranges = requests.filter((r) => r.url.endsWith('model.safetensors')).map((r) => r.range)
  expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
})

test('a partial file of an earlier process is continued, also by a server that ignores ranges', async () => {
  const where = await resolveModel('acme/tiny', { endpoint })
  const target = join(where, 'model.safetensors')
  for (const ignoresRange of [false, true]) {
    rmSync(target)
    writeFileSync(`${target}.partial`, weights.subarray(0, 777))
    intercept = (request, response) => {
      if (!ignoresRange || !request.url?.endsWith('model.safetensors')) return false
      response.end(weights)
      return true
    }
    await resolveModel('acme/tiny', { endpoint })
    expect(readFileSync(target).equals(weights)).toBe(true)
    expect(requests.at(-1)?.range).toBe('bytes=777-')
  }
})

test.each(['model.safetensors', 'tokenizer.json'])('changed content of %s is a checksum error', async (path) => {
  intercept = (request, response) => {
    if (!request.url?.endsWith(path)) return false
    response.end(Buffer.alloc(files[path].content.length, 1))
    return true
  }
  expect(await problemOf('acme/tiny')).toContain(`acme/tiny/${path}: the checksum`)
  intercept = () => false
  expect(existsSync(join(await resolveModel('acme/tiny', { endpoint }), path))).toBe(true)
})

test('a server that keeps sending too few or too many bytes is given up', async () => {
  for (const wrong of [weights.subarray(1), Buffer.concat([weights, weights])]) {
    intercept = (request, response) => {
      if (!request.url?.endsWith('model.safetensors')) return false
      if (request.headers.range) response.writeHead(206).end()
      else response.end(wrong)
      return true
    }
    expect(await problemOf('acme/tiny')).toContain('fewer or more bytes')
  }
})

test.each([
  [401, 'HF_TOKEN'],
  [403, 'Accept its conditions'],
  [404, 'not found'],
  [500, 'HTTP 500'],
])('status %i of the hub says what to do', async (status, message) => {
  intercept = (_, response) => {
    response.writeHead(status).end()
    return true
  }
  const problem = await problemOf('acme/tiny')
  expect(problem).toContain(message)
  expect(problem).toContain('name its folder')
  intercept = (request, response) => {
    if (request.url?.startsWith('/api')) return false
    response.writeHead(status).end()
    return true
  }
  expect(await problemOf('acme/tiny')).toContain(message)
})

test('no connection, and an answer that is not a hub', async () => {
  const error = await resolveModel('acme/tiny', { endpoint: 'http://127.0.0.1:1' }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(BumpError)
  expect((error as BumpError).message).toMatch(/no connection to the model hub.*name its folder/)
  for (const [body, message] of [
    ['<html>', 'not JSON'],
    ['{}', 'lacks a commit'],
    [JSON.stringify({ sha: '../../x', siblings: [] }), 'lacks a commit'],
  ]) {
    intercept = (_, response) => {
      response.end(body)
      return true
    }
    expect(await problemOf('acme/tiny')).toContain(message)
  }
})

test('the token is sent, and a repository without usable weights is refused', async () => {
  vi.stubEnv('HF_TOKEN', 'secret')
  delete files['model.safetensors']
  expect(await problemOf('acme/tiny')).toContain('acme/tiny/quant/tiny-q4.gguf')
  expect(requests[0].authorization).toBe('Bearer secret')
  files['model.safetensors'] = { content: weights, lfs: true }
  delete files['tokenizer.json']
  expect(await problemOf('acme/tiny')).toContain('no tokenizer.json')
})

/** The hub's listing with other facts than those of the files. */
function listing(changes: object, size = weights.length): void {
  intercept = (request, response) => {
    if (!request.url?.startsWith('/api')) return false
    const siblings = Object.entries(files).map(([rfilename, { content }]) => ({
      rfilename,
      size: rfilename === 'model.safetensors' ? size : content.length,
    }))
    response.end(JSON.stringify({ sha: COMMIT, siblings, ...changes }))
    return true
  }
}

test('a model without room for it is refused before its download, also into a cache that is not there yet', async () => {
  vi.stubEnv('BUMP_CACHE', join(folder, 'not', 'there', 'yet'))
  listing({}, 1e15)
  expect(await problemOf('acme/tiny')).toMatch(/the model .* needs 30000000\d\d MB, the disk has/)
  expect(requests.filter(({ url }) => url.includes('/resolve/'))).toEqual([])
})

test('the room for the prepared weights is counted: by their number where the hub tells it', async () => {
  listing({ safetensors: { total: 1e15 } })
  expect(await problemOf('acme/tiny')).toMatch(/needs 40000000\d\d MB/)
  listing({ safetensors: { total: 'many' } })
  await resolveModel('acme/tiny', { endpoint })
})

test('only what is not there yet is counted as download', () => {
  writeFileSync(join(folder, 'whole'), Buffer.alloc(100))
  writeFileSync(join(folder, 'part.partial'), Buffer.alloc(30))
  writeFileSync(join(folder, 'long.partial'), Buffer.alloc(999))
  const sizes = { whole: 100, part: 100, long: 100, missing: 100 }
  const wanted = Object.entries(sizes).map(([path, size]) => ({ path, size }))
  expect(bytesToCome(wanted, folder)).toBe(0 + 70 + 100 + 100)
})

test('an unwritable cache is an error with a way out', async () => {
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'cache'))
  vi.stubEnv('BUMP_CACHE', join(folder, 'file'))
  expect(await problemOf('acme/tiny')).toContain('BUMP_CACHE')
})

test('of an encoder, its settings and its ONNX file are downloaded, or else its safetensors', async () => {
  files['modules.json'] = { content: Buffer.from('[]') }
  files['1_Pooling/config.json'] = { content: Buffer.from('{}') }
  const options = { endpoint, kind: 'encoder' as const }
  await resolveModel('acme/tiny', options)
  expect(names().sort()).toEqual([
    '1_Pooling/config.json',
    'config.json',
    'model.safetensors',
    'modules.json',
    'tokenizer.json',
  ])
  files['onnx/model.onnx'] = { content: weights, lfs: true }
  requests = []
  const path = await resolveModel('acme/tiny@other', options)
  expect(names()).toEqual(['onnx/model.onnx'])
  expect(readFileSync(join(path, 'onnx/model.onnx'))).toEqual(weights)
  delete files['tokenizer.json']
  await expect(resolveModel('acme/tiny@third', options)).rejects.toThrow(/has no config.json and tokenizer.json with/)
  await expect(resolveModel('acme/tiny/quant/tiny-q4.gguf', options)).rejects.toThrow(/is a .gguf file/)
  await expect(resolveModel(join(path, 'onnx/model.onnx'), options)).rejects.toThrow(/is a file\. Name/)
})

test('of a tokenizer, no weights are downloaded; a model that is there has one', async () => {
  const options = { endpoint, kind: 'tokenizer' as const }
  await resolveModel('acme/tiny', options)
  expect(names().sort()).toEqual(['config.json', 'tokenizer.json'])
  // The model itself is not taken to be there, and what is there of it is not downloaded again.
  requests = []
  await resolveModel('acme/tiny', { endpoint })
  expect(names()).toEqual(['model.safetensors'])
  requests = []
  await resolveModel('acme/tiny', options)
  expect(requests).toEqual([])
  delete files['tokenizer.json']
  await expect(resolveModel('acme/tiny@other', options)).rejects.toThrow(/has no tokenizer.json/)
})
