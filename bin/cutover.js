#!/usr/bin/env node
// The launcher. Plain JavaScript that any Node from 18 on can read, so that an old Node gets a sentence instead of a stack.
import { existsSync } from 'node:fs'

const required = 24
const major = Number(process.versions.node.split('.')[0])
const asksForHelp = process.argv.slice(2).some(word => ['--help', '-h', '--version', '-V', 'help'].includes(word))

if (major < required && !(asksForHelp && major >= 20)) {
  process.stderr.write(
    `cutover needs Node ${required} or later; this is Node ${process.versions.node} at ${process.execPath}.\n` +
      `Install a newer Node, or let npm bring one: npx --package=node@${required} --package=cutover -- cutover ${process.argv.slice(2).join(' ')}\n`,
  )
  process.exit(2)
}

// A clone has no dist/: there Node strips the types of the sources itself.
const built = new URL('../dist/main.js', import.meta.url)
const sources = new URL('../src/main.ts', import.meta.url)
const entry = existsSync(sources) ? sources : built
const { main } = await import(entry.href)
process.exitCode = await main(process.argv.slice(2))
