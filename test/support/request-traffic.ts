/**
 * The traffic of a scenario request by request: the real assignment, the real accumulator, single labels and values. Slow,
 * and what traffic by the batch must agree with.
 */
import { createExpressions } from '../../src/adapters/expressions/cel.ts'
import { assign, saltSeed } from '../../src/core/assign.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { unitMetricsOf } from '../../src/core/metrics/by-unit.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { JoinedOutcome, Outcome, Prediction } from '../../src/core/prediction.ts'
import {
  type Behaviour,
  expectedRequests,
  feedbackOf,
  type MetricDraw,
  type Scenario,
} from '../../src/core/simulate/scenario.ts'
import { streamOf } from '../../src/core/simulate/streams.ts'
import type { TrafficSource } from '../../src/core/simulate/traffic-source.ts'
import type { TrafficTable } from '../../src/core/traffic.ts'
import { createAccumulator } from '../../src/evidence/accumulator.ts'
import { compileDefinitions } from '../../src/evidence/metric-book.ts'
import { drawPoisson } from '../../src/stats/numerics/draws.ts'
import { drawNormal, type Random } from '../../src/stats/numerics/random.ts'

type Of = { spec: EndpointSpec; plan: ReleasePlan; scenario: Scenario }
type Due = { atMs: number; joined: JoinedOutcome }

export function requestTraffic({ spec, plan, scenario }: Of, seed: number): TrafficSource {
  const random = streamOf(seed, 'single requests')
  const definitions = compileDefinitions(spec, createExpressions(), unitMetricsOf(plan.stages))
  const evidence = createAccumulator({ definitions: () => definitions })
  const served = {
    units: {} as Record<string, number>,
    requests: {} as Record<string, number>,
    failed: {},
    unserved: 0,
  }
  const met = new Map<string, Set<string>>()
  const metrics = Object.keys(spec.metrics).filter(name => spec.metrics[name]?.type === 'rate')
  let table: TrafficTable | null = null
  let sent = 0
  let due: Due[] = []

  const ask = (route: TrafficTable, atMs: number): Prediction => {
    sent += 1
    const { regulars, returning } = scenario.units
    const unit = random.next() < returning ? `r${Math.floor(random.next() * regulars)}` : `once${sent}`
    const seeded = saltSeed(route.salt)
    const { version, propensity } = assign(route, { unit, seed: seeded, header: () => undefined })
    const own = behaviour(version)
    const failed = random.next() < own.errorRate
    served.requests[version] = (served.requests[version] ?? 0) + 1
    const known = met.get(version) ?? new Set<string>()
    met.set(version, known.add(unit))
    served.units[version] = known.size
    const answer = failed ? null : [random.next() < (own.accuracy ?? 1) ? 'right' : 'wrong']
    const latencyMs = own.latency.median * Math.exp(own.latency.sigma * drawNormal(random))
    const { epoch, release } = route
    const made: Prediction = {
      ...{ id: `p${sent}`, endpoint: spec.name, epoch, release, unit, propensity, pinned: false, atMs, latencyMs },
      ...{ assigned: version, version, status: failed ? 500 : 200, failed, answer, scores: null, features: null },
      payload: null,
    }
    if (!failed) promise(made, own)
    return made
  }

  const behaviour = (version: string): Behaviour => {
    const own = scenario.versions[version]
    if (own === undefined) throw new Error(version)
    return own
  }

  const promise = (made: Prediction, own: Behaviour): void => {
    const values = Object.fromEntries(metrics.map(name => [name, drawn(own.metrics[name], random)]))
    await_('label', made, { label: 'right', reward: null, metrics: {} })
    for (const name of metrics)
      await_(`metrics.${name}`, made, { label: null, reward: null, metrics: { [name]: values[name] ?? 0 } })
  }

  const await_ = (signal: string, made: Prediction, values: Pick<Outcome, 'label' | 'reward' | 'metrics'>): void => {
    const { share, medianMs, spread } = feedbackOf(scenario, signal)
    if (random.next() >= share) return
    const atMs = made.atMs + made.latencyMs + medianMs * Math.exp(spread * drawNormal(random))
    const outcome: Outcome = { id: `${signal} ${made.id}`, prediction: made.id, row: 0, atMs, ...values }
    const { endpoint, epoch, release, version, unit, propensity, latencyMs, status } = made
    const predicted = made.answer?.[0] ?? null
    const joined: JoinedOutcome = {
      ...{ endpoint, epoch, release, version, unit, propensity, latencyMs, status, predicted, scores: null },
      ...{ counts: true, predictedAtMs: made.atMs, before: null, outcome },
    }
    due.push({ atMs, joined })
  }

  return {
    route: next => {
      table = next
    },
    pass({ fromMs, toMs }) {
      const many = drawPoisson(random, expectedRequests(scenario, fromMs, toMs))
      const times = Array.from({ length: many }, () => fromMs + (toMs - fromMs) * random.next()).sort((a, b) => a - b)
      const fresh = table === null ? [] : times.map(atMs => ask(table as TrafficTable, atMs))
      evidence.add({ fresh, joined: [] })
      const ripe = due.filter(({ atMs }) => atMs <= toMs)
      due = due.filter(({ atMs }) => atMs > toMs)
      evidence.add({ fresh: [], joined: ripe.map(({ joined }) => joined) })
    },
    read: epochs => [...evidence.read({ endpoint: spec.name, epochs })],
    peek: epochs => [...evidence.read({ endpoint: spec.name, epochs })],
    served: () => served,
  }
}

function drawn(draw: MetricDraw | undefined, random: Random): number {
  return draw?.kind === 'rate' ? Number(random.next() < draw.rate) : 0
}
