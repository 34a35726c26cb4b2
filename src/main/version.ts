/** Cutover's own version, as its package says. */
import { readFileSync } from 'node:fs'

export const version = readVersion()

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { version: unknown }).version)
}
