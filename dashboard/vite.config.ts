import { resolve } from 'node:path'
import { defineConfig } from 'vite'

const project = resolve(import.meta.dirname, '..')

/** Pages lie at more than one depth, so that assets are named from the root of the control listener. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: resolve(project, 'dist/dashboard'),
    emptyOutDir: true,
    // An address of `data:` would need more of the content security policy than the page's own origin.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: {
      // That a busy machine is slow is no warning.
      checks: { bundlerTimings: false },
      // `use client` is for servers that render React; here everything is the client's.
      onLog: (level, log, show) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && show(level, log),
    },
  },
  // `npx vite dashboard` beside a server on its own port.
  server: { proxy: { '/api': 'http://127.0.0.1:8081' } },
})
