// Sessions over the cache: what could not be made is tried again, and a graph of somebody else is not believed.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openCore, useTemporaryCache } from '../testing/core.ts'
import { openWeights } from '../weights/open-weights.ts'

useTemporaryCache()

const model = fileURLToPath(new URL('../golden/tiny-llama', import.meta.url))
const kind = { graph: 'embed' } as const
/** The only model's files in the cache. */
const files = () => {
  const folder = join(process.env.BUMP_CACHE as string, 'weights')
  const digest = readdirSync(folder).find((name) => /^[0-9a-f]{64}$/.test(name)) as string
  return join(folder, digest)
}

it('makes a session that could not be made when it is asked for again', async () => {
  const { sessions } = await openCore(model)
  rmSync(join(files(), 'weights.f32'))
  await expect(sessions.get(kind, sessions.mapped(false))).rejects.toThrow()
  await openWeights(model)
  const session = await sessions.get(kind, sessions.mapped(false))
  expect(session.inputNames.length).toBeGreaterThan(0)
  await sessions.release()
})

it('writes a graph anew that is not its own', async () => {
  const [name] = readdirSync(files()).filter((name) => name.endsWith('.onnx'))
  const graph = readFileSync(join(files(), name))
  const poisoned = Buffer.from(graph)
  poisoned[poisoned.length >> 1] ^= 1
  writeFileSync(join(files(), name), poisoned)
  const { sessions } = await openCore(model)
  await sessions.get(kind, sessions.mapped(false))
  expect(readFileSync(join(files(), name)).equals(graph)).toBe(true)
  await sessions.release()
})
