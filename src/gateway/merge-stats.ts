/** Counters of several gateways as those of one. Pure. */
import type { GatewayStats } from './stats.ts'

export const noStats: GatewayStats = {
  requests: [],
  inFlight: [],
  held: [],
  connectionsAwaited: [],
  errors: [],
  bodiesRefused: 0,
  answersCut: 0,
  connectionsRefused: 0,
  mirrors: [],
  guards: { breakers: [], gates: [], retries: [] },
}

export function mergeStats(all: readonly GatewayStats[]): GatewayStats {
  const sum = (read: (stats: GatewayStats) => number) => all.reduce((total, stats) => total + read(stats), 0)
  const each = <Row>(read: (stats: GatewayStats) => readonly Row[]) => all.flatMap(read)
  const count = ({ count: a }: { count: number }, { count: b }: { count: number }) => ({ count: a + b })
  return {
    requests: grouped(
      each(({ requests }) => requests),
      ({ endpoint, version, statusClass }) => `${endpoint} ${version} ${statusClass}`,
      count,
    ),
    inFlight: grouped(
      each(({ inFlight }) => inFlight),
      byEndpoint,
      count,
    ),
    held: grouped(
      each(({ held }) => held),
      byEndpoint,
      count,
    ),
    connectionsAwaited: grouped(
      each(({ connectionsAwaited }) => connectionsAwaited),
      byVersion,
      count,
    ),
    errors: grouped(
      each(({ errors }) => errors),
      ({ code }) => code,
      count,
    ),
    bodiesRefused: sum(({ bodiesRefused }) => bodiesRefused),
    answersCut: sum(({ answersCut }) => answersCut),
    connectionsRefused: sum(stats => stats.connectionsRefused),
    mirrors: grouped(
      each(({ mirrors }) => mirrors),
      byVersion,
      addMirrors,
    ),
    guards: {
      breakers: grouped(
        each(({ guards }) => guards.breakers),
        byVersion,
        // Open for some callers is worth a look as much as open for all.
        (a, b) => ({ isOpen: a.isOpen || b.isOpen, openings: a.openings + b.openings }),
      ),
      gates: grouped(
        each(({ guards }) => guards.gates),
        byVersion,
        (a, b) => ({ inside: a.inside + b.inside, queued: a.queued + b.queued }),
      ),
      retries: grouped(
        each(({ guards }) => guards.retries),
        byEndpoint,
        count,
      ),
    },
  }
}

/** What stays of a gateway that has ended: what it had done, and nothing under way. */
export function endedStats(stats: GatewayStats): GatewayStats {
  return {
    ...stats,
    inFlight: [],
    held: [],
    connectionsAwaited: [],
    mirrors: stats.mirrors.map(mirror => ({ ...mirror, queued: 0, inFlight: 0 })),
    guards: {
      breakers: stats.guards.breakers.map(breaker => ({ ...breaker, isOpen: false })),
      gates: [],
      retries: stats.guards.retries,
    },
  }
}

/** Without rows of an endpoint, or of those of its versions that are not among `versions`. */
export function statsWithout(stats: GatewayStats, endpoint: string, versions: readonly string[] = []): GatewayStats {
  const ofVersion = (row: { endpoint: string; version: string }) =>
    row.endpoint !== endpoint || versions.includes(row.version)
  const ofEndpoint = (row: { endpoint: string }) => row.endpoint !== endpoint || versions.length > 0
  return {
    ...stats,
    requests: stats.requests.filter(ofVersion),
    inFlight: stats.inFlight.filter(ofEndpoint),
    held: stats.held.filter(ofEndpoint),
    connectionsAwaited: stats.connectionsAwaited.filter(ofVersion),
    mirrors: stats.mirrors.filter(ofVersion),
    guards: {
      breakers: stats.guards.breakers.filter(ofVersion),
      gates: stats.guards.gates.filter(ofVersion),
      retries: stats.guards.retries.filter(ofEndpoint),
    },
  }
}

function byEndpoint({ endpoint }: { endpoint: string }): string {
  return endpoint
}

function byVersion({ endpoint, version }: { endpoint: string; version: string }): string {
  return `${endpoint} ${version}`
}

/** Rows of one key put together, in the order of the first of each. */
function grouped<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  add: (a: Row, b: Row) => Partial<Row>,
): readonly Row[] {
  const byKey = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    const known = byKey.get(key)
    byKey.set(key, known === undefined ? row : { ...known, ...add(known, row) })
  }
  return [...byKey.values()]
}

type Mirror = GatewayStats['mirrors'][number]

function addMirrors(a: Mirror, b: Mirror): Partial<Mirror> {
  const reasons = Object.keys(a.dropped) as (keyof Mirror['dropped'])[]
  const dropped = Object.fromEntries(reasons.map(reason => [reason, a.dropped[reason] + b.dropped[reason]]))
  return {
    answered: a.answered + b.answered,
    failed: a.failed + b.failed,
    queued: a.queued + b.queued,
    inFlight: a.inFlight + b.inFlight,
    dropped: dropped as Mirror['dropped'],
  }
}
