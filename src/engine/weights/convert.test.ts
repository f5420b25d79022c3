// Pieces of the flat file: threads make the same as this thread does, in the same order, and their errors arrive.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { BumpError } from '../../util/errors.ts'
import { weightShapes } from '../model/config.ts'
import { ContentHash, convertedBeside, convertedHere, type Piece, piecesOf } from './convert.ts'
import { openSource } from './open-source.ts'
import { tinyConfig, tinyGguf, tinyWeights } from './testing/tiny-model.ts'
import { ggufBytes } from './testing/write-gguf.ts'

const folder = mkdtempSync(join(tmpdir(), 'bump-convert-'))
afterAll(() => rmSync(folder, { recursive: true }))

const config = tinyConfig('llama', { tiedHead: false })
const tensors = new Map(
  [...weightShapes(config)].map(([name, dims], i) => [
    name,
    { dims, offset: i * 65536, length: dims.reduce((product, dim) => product * dim, 4) },
  ]),
)

function saved(name: string, weights: Map<string, Float32Array>): string {
  const path = join(folder, name)
  writeFileSync(path, ggufBytes(tinyGguf(config, weights)))
  return path
}

async function contents(pieces: AsyncIterable<[Piece, Float32Array]>): Promise<[string, number[]][]> {
  const out: [string, number[]][] = []
  for await (const [{ name }, values] of pieces) out.push([name, [...values]])
  return out
}

test('two threads make the pieces that this thread makes', { timeout: 30_000 }, async () => {
  const path = saved('model.gguf', tinyWeights(config))
  const source = openSource(path)
  const pieces = piecesOf(tensors)
  expect(pieces.map(({ elements }) => elements * 4)).toEqual([...tensors.values()].map(({ length }) => length))
  const here = await contents(convertedHere(path, source, pieces))
  source.close()
  expect(here).toEqual([...tensors.keys()].map((name) => [name, [...tinyWeights(config).get(name)!]]))
  expect(await contents(convertedBeside(path, pieces, 2))).toEqual(here)
})

test('the thread that converts hashes what this thread hashes', { timeout: 30_000 }, async () => {
  const path = saved('hashed.gguf', tinyWeights(config))
  const source = openSource(path)
  const pieces = piecesOf(tensors)
  const expected = new ContentHash(config)
  for await (const [piece, values] of convertedHere(path, source, pieces)) expected.add(piece, values)
  const digests: string[] = []
  const keep = (digest: string) => void digests.push(digest)
  await contents(convertedHere(path, source, pieces, keep))
  await contents(convertedBeside(path, pieces, 1, keep))
  source.close()
  const digest = expected.digest()
  expect(digests).toEqual([digest, digest])
})

test('what a thread cannot use is the error that this thread gives', { timeout: 30_000 }, async () => {
  const weights = tinyWeights(config)
  weights.get('l1.down')![3] = Number.NaN
  const path = saved('broken.gguf', weights)
  const broken = convertedBeside(path, piecesOf(tensors), 1)
  const error = await contents(broken).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(BumpError)
  expect((error as BumpError).message).toContain(`${path}: the weight l1.down holds values that are not finite`)
})
