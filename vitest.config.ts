import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
    globalSetup: ['src/util/testing/temporary-folder.ts', 'src/util/testing/threads.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most engine tests ask for one thread, so two files at a time suit two cores.
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
  },
})
