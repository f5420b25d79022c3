import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

// With ORT_DISABLE_TELEMETRY=0 the same run leaves Microsoft/DeveloperTools and mat-debug-*.log (onnxruntime 1.30,
// Linux).
it('leaves nothing of the runtime’s telemetry behind', () => {
  const home = mkdtempSync(join(tmpdir(), 'bump-telemetry-'))
  const model = fileURLToPath(new URL('../golden/tiny-llama', import.meta.url))
  const program = `
    import { startEngine } from ${JSON.stringify(new URL('../../model/onnx/client.ts', import.meta.url).href)}
    const client = await startEngine({ path: ${JSON.stringify(model)}, options: { threads: 1 } })
    console.log((await client.call('labelLogits', [[[1, 2]], [3, 4], 'base'])).length)
    await client.close()`
  // The runtime keeps quiet in continuous integration, which is not what this is about.
  const { CI: _ci, GITHUB_ACTIONS: _actions, ORT_DISABLE_TELEMETRY: _off, ...rest } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...rest, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), BUMP_CACHE: join(home, 'bump'), TMPDIR: home },
  })
  expect(stdout, stderr).toBe('1\n')
  const left = readdirSync(home, { recursive: true, encoding: 'utf8' })
  expect(left.filter((name) => /microsoft|mat-debug|telemetry/i.test(name))).toEqual([])
})
