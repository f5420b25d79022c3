// The modules that run as threads, built once for all tests: a thread starts in a fifth of the time that a TypeScript
// loader takes for it.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const THREADS = ['model/onnx/worker.ts', 'model/onnx/encoder-worker.ts', 'engine/weights/convert-thread.ts']

export default async function setup(): Promise<() => void> {
  // In node_modules, where their packages are found.
  const outdir = mkdtempSync(join(root, 'node_modules', '.bump-threads-'))
  await build({
    entryPoints: THREADS.map((file) => join(root, 'src', file)),
    outdir,
    entryNames: '[name]',
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  })
  process.env.BUMP_TEST_THREADS = `${pathToFileURL(outdir)}/`
  return () => rmSync(outdir, { recursive: true, force: true })
}
