/** Counters for the metrics page. Labels come from configuration only, so their number is bounded. */
import type { ErrorCode } from '../core/errors.ts'
import type { MirrorStats } from './mirror/counters.ts'
import type { GuardStats } from './resilience/guards.ts'

/** `closed` are callers that left first. */
const statusClasses = ['2xx', '3xx', '4xx', '5xx', 'closed'] as const
type StatusClass = (typeof statusClasses)[number]

export type GatewayStats = {
  requests: readonly { endpoint: string; version: string; statusClass: StatusClass; count: number }[]
  /** Requests between assignment and the end of their answer. */
  inFlight: readonly { endpoint: string; count: number }[]
  /** Requests that wait for their endpoint's next version. */
  held: readonly { endpoint: string; count: number }[]
  /** Calls that wait for a connection to a model server, since all that there may be are busy. */
  connectionsAwaited: readonly { endpoint: string; version: string; count: number }[]
  /** Errors that the gateway told callers, by code. */
  errors: readonly { code: ErrorCode; count: number }[]
  /** Bodies over their limit. */
  bodiesRefused: number
  /** Connections beyond those that there may be. */
  connectionsRefused: number
  /** Answers that broke off after they had begun. */
  answersCut: number
  /** Copies for challengers, which are in none of the other numbers. */
  mirrors: readonly MirrorStats[]
  /** Of endpoints that declare a breaker or a limit, or that repeated a call. */
  guards: GuardStats
}

type EndpointCounters = { inFlight: number; versions: Map<string, Record<StatusClass, number>> }

export type StatsCollector = {
  /** Keeps counters of the endpoint's present versions only. */
  sync(endpoint: string, versions: readonly string[]): void
  forget(endpoint: string): void
  opened(endpoint: string): void
  closed(endpoint: string, version: string, status: number): void
  error(code: ErrorCode): void
  cut(): void
  connectionRefused(): void
  read(): Omit<GatewayStats, 'held' | 'connectionsAwaited' | 'mirrors' | 'guards'>
}

export function createStats(): StatsCollector {
  const endpoints = new Map<string, EndpointCounters>()
  const errors = new Map<ErrorCode, number>()
  let answersCut = 0
  let connectionsRefused = 0
  return {
    sync: (endpoint, versions) => syncVersions(endpoints, endpoint, versions),
    forget: endpoint => {
      endpoints.delete(endpoint)
    },
    opened: endpoint => {
      const counters = endpoints.get(endpoint)
      if (counters !== undefined) counters.inFlight += 1
    },
    closed: (endpoint, version, status) => {
      const counters = endpoints.get(endpoint)
      if (counters === undefined) return
      counters.inFlight = Math.max(0, counters.inFlight - 1)
      const classes = counters.versions.get(version)
      if (classes !== undefined) classes[classOf(status)] += 1
    },
    error: code => {
      errors.set(code, (errors.get(code) ?? 0) + 1)
    },
    connectionRefused: () => {
      connectionsRefused += 1
    },
    cut: () => {
      answersCut += 1
    },
    read: () => ({
      requests: [...endpoints].flatMap(([endpoint, counters]) => requestsOf(endpoint, counters)),
      inFlight: [...endpoints].map(([endpoint, { inFlight }]) => ({ endpoint, count: inFlight })),
      errors: [...errors].map(([code, count]) => ({ code, count })),
      bodiesRefused: errors.get('body-too-large') ?? 0,
      answersCut,
      connectionsRefused,
    }),
  }
}

function syncVersions(endpoints: Map<string, EndpointCounters>, endpoint: string, versions: readonly string[]): void {
  const counters = endpoints.get(endpoint) ?? { inFlight: 0, versions: new Map() }
  const kept = versions.map(version => [version, counters.versions.get(version) ?? zeros()] as const)
  counters.versions = new Map(kept)
  endpoints.set(endpoint, counters)
}

function zeros(): Record<StatusClass, number> {
  return { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, closed: 0 }
}

function classOf(status: number): StatusClass {
  if (status === 0) return 'closed'
  if (status < 300) return '2xx'
  if (status < 400) return '3xx'
  return status < 500 ? '4xx' : '5xx'
}

function requestsOf(endpoint: string, counters: EndpointCounters): GatewayStats['requests'] {
  return [...counters.versions].flatMap(([version, classes]) =>
    statusClasses.map(statusClass => ({ endpoint, version, statusClass, count: classes[statusClass] })),
  )
}
