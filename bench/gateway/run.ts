/**
 * The gateway beside nginx doing the same work, in interleaved rounds. Ratios are to be believed before figures, and CPU before
 * time. Needs nginx, wrk and taskset on the PATH; Linux, at least 2 cores.
 *
 *   npm run bench:gateway [-- SCENARIO …] [--markdown FILE]
 *   ROUNDS=5 SECONDS=5 CONNECTIONS=64 REQUESTS=10000000 STREAMS=500 TOKENS=25 RATE=(half of what saturates) PROFILE=(folder)
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { assertTools } from './processes.ts'
import { bodies } from './scenarios/bodies.ts'
import { latency } from './scenarios/latency.ts'
import { memory } from './scenarios/memory.ts'
import { plain } from './scenarios/plain.ts'
import { release, releaseFull, split } from './scenarios/release.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { streams } from './scenarios/streams.ts'
import { workers } from './scenarios/workers.ts'
import { markdownOf, type Table, textOf } from './table.ts'

const scenarios: Readonly<Record<string, Scenario>> = {
  release,
  'release-100': releaseFull,
  split,
  plain,
  latency,
  bodies,
  streams,
  memory,
  workers,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { markdown: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
})
if (values.help === true) {
  console.log('npm run bench:gateway [-- SCENARIO …] [--markdown FILE]\n')
  for (const [name, { what }] of Object.entries(scenarios)) console.log(`  ${name.padEnd(14)}${what}`)
} else await main(positionals.length === 0 ? Object.keys(scenarios) : positionals)

async function main(names: readonly string[]): Promise<void> {
  const wanted = names.map(scenarioNamed)
  assertTools('nginx', 'wrk', 'taskset')
  const tables: Table[] = []
  for (const { run } of wanted) {
    for (const table of await run()) {
      tables.push(table)
      console.log(textOf(table))
      // After each one, so that a long run that is cut short has left what it had.
      if (values.markdown !== undefined)
        writeFileSync(values.markdown, [machine(), ...tables.map(markdownOf)].join('\n'))
    }
  }
}

function scenarioNamed(name: string): Scenario {
  const found = scenarios[name]
  if (found !== undefined) return found
  throw new Error(`there is no scenario ${name}; there are ${Object.keys(scenarios).join(', ')}`)
}

function machine(): string {
  const [first] = cpus()
  return `Node ${process.versions.node}, ${cpus().length} cores of ${first?.model ?? 'an unknown kind'}. Medians of the rounds; in brackets the median of each round's ratio to the first column.\n`
}
