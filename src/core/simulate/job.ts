/** What is simulated, as plain data: it goes to threads as it is, and the same job and seed give the same run anywhere. */
import type { EndpointSpec } from '../endpoint.ts'
import type { ReleasePlan } from '../plan.ts'
import { DrawnTraffic } from './drawn-traffic.ts'
import { measuredOf } from './measured.ts'
import { type Run, simulateRun } from './run.ts'
import type { Scenario } from './scenario.ts'

export type SimulationJob = { spec: EndpointSpec; plan: ReleasePlan; scenario: Scenario }

/** Runs of `count` seeds from the first one on. */
export type Seeds = { first: number; count: number }

export function simulateJob({ spec, plan, scenario }: SimulationJob, seed: number): Run {
  const measured = measuredOf(plan)
  const labelWindowMs = spec.labelWindowMs ?? plan.labelWindowMs ?? null
  const traffic = (own: number) => new DrawnTraffic({ scenario, measured, labelWindowMs, seed: own })
  return simulateRun({ spec, plan, scenario, traffic }, seed)
}
