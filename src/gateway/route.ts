/** The routes of this process: one immutable, compiled answer per endpoint, swapped whole. */
import { isDeepStrictEqual } from 'node:util'
import { saltSeed } from '../core/assign.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import { compileScope, type ScopeReader } from '../core/scope.ts'
import { isSole, type TrafficTable } from '../core/traffic.ts'
import type { Route } from '../ports/traffic-sink.ts'
import { type Mirroring, mirroringOf } from './mirror/mirroring.ts'

export type CompiledRoute = {
  readonly spec: EndpointSpec
  readonly table: TrafficTable
  /** Of the table's salt. */
  readonly seed: number
  /** Chooses whose bodies are kept; apart from `seed`, so that every version is sampled alike. */
  readonly payloadSeed: number
  /** Of units whose bodies are kept. None where nothing is recorded: bodies are kept with a record. */
  readonly payloadSamplePpm: number
  readonly versions: readonly string[]
  /** By version, what an answer says of who made it: written with the first one. */
  readonly servedBy: Map<string, string>
  /** Whether a request is of the release's scope; null where all are. */
  readonly inScope: ((request: ScopeReader) => boolean) | null
  /** Null if nothing is copied. */
  readonly mirroring: Mirroring | null
  /** Whether anything depends on whose request it is. */
  readonly needsUnit: boolean
}

export type RouteTable = {
  get(endpoint: string): CompiledRoute | undefined
  all(): Iterable<CompiledRoute>
  names(): readonly string[]
  /** Null if the route was old news. */
  apply(route: Route): CompiledRoute | null
  remove(endpoint: string): void
}

export function createRouteTable(): RouteTable {
  const routes = new Map<string, CompiledRoute>()
  return {
    get: endpoint => routes.get(endpoint),
    all: () => routes.values(),
    names: () => [...routes.keys()],
    apply: route => {
      if (!isNews(routes.get(route.spec.name), route)) return null
      const compiled = compile(route)
      routes.set(route.spec.name, compiled)
      return compiled
    },
    remove: endpoint => {
      routes.delete(endpoint)
    },
  }
}

/** Commands repeat after a crash and may overtake each other between processes: only the newest epoch counts. */
function isNews(current: CompiledRoute | undefined, next: Route): boolean {
  if (current === undefined || next.table.epoch > current.table.epoch) return true
  return next.table.epoch === current.table.epoch && !isDeepStrictEqual(next.spec, current.spec)
}

function compile({ spec, table }: Route): CompiledRoute {
  if (table.endpoint !== spec.name || table.segments.length === 0) {
    throw new CutoverError('internal', `the traffic table of ${table.endpoint} does not fit the endpoint ${spec.name}`)
  }
  const rules = table.rules.map(rule => ({ ...rule, header: rule.header.toLowerCase() }))
  const mirroring = mirroringOf(table)
  return {
    spec,
    table: { ...table, rules },
    seed: saltSeed(table.salt),
    payloadSeed: saltSeed(`payloads of ${spec.name}`),
    payloadSamplePpm: spec.recording === 'off' ? 0 : spec.payloadSamplePpm,
    versions: Object.keys(spec.versions),
    servedBy: new Map(),
    inScope: table.scope === undefined ? null : compileScope(table.scope.rules),
    mirroring,
    needsUnit: mirroring !== null || needsUnit(spec, table),
  }
}

/** Not where one version serves all and nothing is kept of what it does. */
function needsUnit({ recording, rules }: EndpointSpec, table: TrafficTable): boolean {
  return recording !== 'off' || !isSole(table) || rules !== undefined
}
