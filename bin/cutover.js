#!/usr/bin/env node
// The launcher. Plain JavaScript that any Node from 20 on can read, so that an old one gets a sentence instead of a stack.
import { existsSync, readFileSync } from 'node:fs'

const required = 24
const words = process.argv.slice(2)
const isNewEnough = Number(process.versions.node.split('.')[0]) >= required
const asksForHelp = words.some(word => ['--help', '-h', '--version', '-V', 'help'].includes(word))

// A clone runs its sources, whose types Node strips itself; an older Node, which can only show the help, needs dist/.
const folder = new URL('../', import.meta.url)
const runsSources = isNewEnough && existsSync(new URL('src/main.ts', folder))
const load = name => import(new URL(runsSources ? `src/${name}.ts` : `dist/${name}.js`, folder).href)

if (!isNewEnough && !asksForHelp) {
  process.stderr.write(
    `cutover needs Node ${required} or later; this is Node ${process.versions.node}.\n` +
      `Install a newer one, or let npm bring it: npx --package=node@${required} --package=cutover -- cutover ${words.join(' ')}\n`,
  )
  process.exit(2)
}

const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'))
const { createCli } = await load('cli/cli')
// The server's parts are loaded only where they are needed: the other commands start faster without them.
const cli = createCli({
  version,
  serve: async (flags, io, output) => (await load('main')).serve(flags, io, output),
  demo: async (options, io) => (await load('main')).demo(options, io),
  move: async (flags, io) => (await load('main/move')).move(flags, io),
  simulate: async request => (await load('main/simulate')).simulate(request),
  parseDocuments: async (text, options) => (await load('config/documents')).parseDocuments(text, options),
})
process.exitCode = await cli.run(words)
