// Which model an adapter is opened on.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openGenerator } from './open.ts'

beforeEach(() => {
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  vi.stubEnv('BUMP_CACHE', mkdtempSync(join(tmpdir(), 'bump-cache-')))
})
afterEach(() => vi.unstubAllEnvs())

test.each([
  ['acme/tiny', null, 'acme/tiny: '],
  ['acme/tiny', 'v1.0', 'acme/tiny@v1.0: '],
  ['acme/tiny/q/tiny.gguf', 'v1.0', 'acme/tiny/q/tiny.gguf@v1.0: '],
])('base %s at revision %s is looked up as such', async (base_model_name_or_path, revision, model) => {
  const adapter = mkdtempSync(join(tmpdir(), 'bump-adapter-'))
  writeFileSync(join(adapter, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path, revision }))
  const error = await openGenerator(adapter).catch((e: unknown) => e)
  expect((error as Error).message).toContain(model)
})
