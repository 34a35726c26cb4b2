/**
 * Threads and processes that tests start read the same sources again and again: Node keeps what it made of them. In the
 * environment of whoever runs the tests, before anything is started.
 */
import { resolve } from 'node:path'

export function keepCompiled(): void {
  process.env['NODE_COMPILE_CACHE'] ??= resolve(import.meta.dirname, '../../node_modules/.cache/compiled')
}
