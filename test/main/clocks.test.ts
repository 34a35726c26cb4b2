import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** What measures durations; a clock that was put back would hold up restarts, health checks and rates until it catches up. */
const measuring: readonly [root: string, parts: readonly string[]][] = [
  ['src/main/data-plane.ts', ['createDeployer', 'createGateway', 'new GatewayPool']],
  ['src/main/steering.ts', ['createTrafficRate', 'createPoller']],
  ['src/main/start-server.ts', ['createRegistrar', 'startRetention']],
  ['src/workers/gateway-worker.ts', ['new BorrowedFleets', 'createGateway']],
]

describe.each(measuring)('%s', (root, parts) => {
  const source = readFileSync(new URL(`../../${root}`, import.meta.url), 'utf8')

  it.each(parts)('hands %s the clock that never jumps', part => {
    const call = source.slice(source.indexOf(`${part}({`))
    const argument = call.slice(0, call.search(/^ {0,4}\}\)|\}\)\n/m))
    expect(argument).toMatch(/\b(uptime|clock): uptimeClock\b/)
  })
})
