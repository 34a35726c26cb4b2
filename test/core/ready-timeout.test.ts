/** How long a version may take to become ready: large models load for minutes. */
import { describe, expect, it } from 'vitest'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import type { ControlEvent } from '../../src/core/event.ts'
import { emptyState } from '../../src/core/state.ts'
import { fold, step } from '../../src/core/step.ts'
import { endpointSpec, happen, releasePlan } from '../support/releases.ts'

const slowMs = 300_000

function slow(name: string): EndpointSpec['versions'][string] {
  const ready = { path: '/health', timeoutMs: slowMs, unknownIsReady: false }
  return { name, backend: { kind: 'command', argv: ['serve'], cwd: '/', env: {}, ready }, instances: 1 }
}

const spec = endpointSpec({ versions: { v1: slow('v1'), v2: slow('v2') } })

/** What the last of these events asks of the deployer, by version. */
function askedBy(...events: ControlEvent[]): Record<string, number> {
  const logged = events.map((event, at) => ({ seq: at + 1, atMs: at + 1, event }))
  const last = logged.pop()
  if (last === undefined) return {}
  const { commands } = step(fold(logged, emptyState), last.event, last.atMs)
  return Object.fromEntries(
    commands.flatMap(one => (one.type === 'ensure-fleet' ? [[one.version.name, one.readyTimeoutMs] as const] : [])),
  )
}

function started(readyTimeoutMs?: number): ControlEvent {
  const { readyTimeoutMs: _own, ...plan } = releasePlan()
  return happen.released({ ...plan, ...(readyTimeoutMs !== undefined && { readyTimeoutMs }) })
}

describe('a version may take as long to become ready as it says', () => {
  it('as the stable one', () => {
    expect(askedBy(happen.applied(spec))).toEqual({ v1: slowMs })
  })

  it('as the candidate of a release that says nothing', () => {
    expect(askedBy(happen.applied(spec), started())).toMatchObject({ v2: slowMs })
  })

  it('but no longer than its release waits for it', () => {
    expect(askedBy(happen.applied(spec), started(20_000))).toMatchObject({ v2: 20_000 })
  })

  it('and a model in-process a minute', () => {
    expect(askedBy(happen.applied(endpointSpec()), started())).toMatchObject({ v2: 60_000 })
  })
})
