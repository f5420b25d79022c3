import { relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import type { Reporter } from 'vitest/reporters'

/** After many files: which took longest, of the time that `npm test` takes. */
const slowestFiles: Reporter = {
  onTestRunEnd(modules) {
    if (modules.length < 50) return
    const seconds = (ms: number) => (ms / 1000).toFixed(1).padStart(7)
    const took = modules.map((module) => ({ file: relative('', module.moduleId), ms: module.diagnostic().duration }))
    took.sort((a, b) => b.ms - a.ms)
    console.log(
      `Slowest files (s):\n${took
        .slice(0, 10)
        .map(({ file, ms }) => `${seconds(ms)} ${file}\n`)
        .join('')}`,
    )
  },
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
    globalSetup: ['src/util/testing/temporary-folder.ts', 'src/util/testing/threads.ts'],
    reporters: ['default', slowestFiles],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most engine tests ask for one thread, so two files at a time suit two cores.
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
  },
})
