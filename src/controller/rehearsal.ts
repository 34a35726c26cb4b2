/**
 * The plan of a release that nobody starts: through the same door as one that is started, on an endpoint of which nothing is
 * known but its document and a scenario.
 */
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import type { BaselineAnswer } from '../core/hypothesis.ts'
import type { GoalCheck } from '../core/metric-check.ts'
import type { ReleasePlan } from '../core/plan.ts'
import { baselineOf } from '../core/simulate/baseline.ts'
import { refuseUnlikely } from '../core/simulate/measured.ts'
import type { Scenario } from '../core/simulate/scenario.ts'
import { emptyState } from '../core/state.ts'
import { step } from '../core/step.ts'
import type { Deployer } from '../ports/deployer.ts'
import type { Expressions } from '../ports/expressions.ts'
import { admitRelease } from './admission/release.ts'
import type { ReleaseRequest } from './control-plane.ts'

export type Rehearsal = { spec: EndpointSpec; request: ReleaseRequest; scenario: Scenario; expressions: Expressions }

/** Throws what starting it would throw, and invalid-resource for a scenario that says too little. */
export async function rehearse({ spec, request, scenario, expressions }: Rehearsal): Promise<ReleasePlan> {
  const { state } = step(emptyState, { type: 'endpoint-applied', spec, actor: 'simulation' }, 0)
  const around = {
    state: () => state,
    deployer: noDeployer,
    expressions,
    rate: { perSecond: () => scenario.traffic.perSecond },
    labelDelayMs: () => null,
    baselines: {
      read: async ({ version, goal }: { version: string; goal: GoalCheck }) => known(scenario, version, goal),
    },
  }
  // Nobody switches flags in a simulation: they are on.
  const { flags: _flags, ...asked } = request
  const { plan } = await admitRelease(around, asked, true)
  if (plan === null) throw new CutoverError('invalid-resource', `${request.to} serves ${spec.name} already`)
  refuseUnlikely(spec, plan, scenario)
  return plan
}

function known(scenario: Scenario, version: string, goal: GoalCheck): BaselineAnswer {
  const baseline = baselineOf(scenario, version, goal)
  return baseline === null
    ? { known: false, reason: `the scenario says nothing of ${goal.metric} of ${version}` }
    : { known: true, baseline }
}

/** Nothing runs. */
const noDeployer: Deployer = {
  ensure: () => {},
  stop: async () => {},
  check: async () => null,
  status: () => [],
  fleets: { pick: () => null, readyCount: () => 0 },
  close: async () => {},
}
