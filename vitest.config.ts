import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores: one file at a time keeps the engine's own threads from fighting each other.
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
  },
})
