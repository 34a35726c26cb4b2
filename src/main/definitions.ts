import type { EndpointSpec } from '../core/endpoint.ts'
import { unitMetricsOf } from '../core/metrics/by-unit.ts'
import type { ReleasePlan } from '../core/plan.ts'
import type { ControlState } from '../core/state.ts'
import { compileDefinitions, type MetricDefinitions } from '../evidence/metric-book.ts'
import type { Expressions } from '../ports/expressions.ts'

/** What each endpoint measures, compiled once for every specification and for every release that needs more. */
export function definitionsBy(
  expressions: Expressions,
): (state: ControlState, name: string) => MetricDefinitions | null {
  type Compiled = { spec: EndpointSpec; definitions: MetricDefinitions }
  const compiled = new WeakMap<EndpointSpec | ReleasePlan, Compiled>()
  return (state, name) => {
    const endpoint = state.endpoints[name]
    if (endpoint === undefined) return null
    const { spec, activeRelease } = endpoint
    const plan = activeRelease === null ? undefined : state.releases[activeRelease]?.plan
    const known = compiled.get(plan ?? spec)
    if (known?.spec === spec) return known.definitions
    const definitions = compileDefinitions(spec, expressions, unitMetricsOf(plan?.stages ?? []))
    compiled.set(plan ?? spec, { spec, definitions })
    return definitions
  }
}
