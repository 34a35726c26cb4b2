// After `npm ci` in a clone: builds the dashboard, so that `npm run demo` has it. Plain JavaScript, since whatever Node
// installs is the one that runs it. Nothing here may fail an install: a server without the dashboard says how to build it.
import { fileURLToPath } from 'node:url'

const configFile = fileURLToPath(new URL('../dashboard/vite.config.ts', import.meta.url))

try {
  const { build } = await import('vite')
  await build({ configFile })
} catch (error) {
  const isLeftOut = error?.code === 'ERR_MODULE_NOT_FOUND'
  const why = isLeftOut ? 'its build tools are not installed (--omit=dev)' : String(error?.message ?? error)
  process.stderr.write(`The dashboard was not built: ${why}. \`npm ci && npm run build\` builds it; all else works.\n`)
}
