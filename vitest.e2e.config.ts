import { defineConfig } from 'vitest/config'

/** Whole processes over real sockets: minutes, not seconds, and one at a time. */
export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/e2e/**/*.e2e.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    // Where they wait for each other's leases rather than for a core.
    maxConcurrency: 2,
  },
})
