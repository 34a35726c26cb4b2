import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
    exclude: ['test/e2e/**', 'node_modules/**'],
    // Many tests wait for processes and sockets rather than for a core.
    maxWorkers: 2,
    // For whoever hangs: a machine with other work may take ten times as long for histories on disk.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
