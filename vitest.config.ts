import { defineConfig } from 'vitest/config'
import { keepCompiled } from './test/support/compile-cache.ts'

keepCompiled()

export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
    exclude: ['test/e2e/**', 'node_modules/**'],
    // Many tests wait for processes and sockets rather than for a core.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
