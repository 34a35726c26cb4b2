/** What is wrong with a release before it begins: what it names, and what would never end or never start. */

import type { EndpointSpec } from '../../core/endpoint.ts'
import type { Problem } from '../../core/errors.ts'
import { own } from '../../core/own.ts'
import { preflightProblems } from '../../core/preflight.ts'
import type { StagePlan } from '../../core/stage-plans.ts'
import type { ControlState, EndpointState } from '../../core/state.ts'
import { fewestForAgreement } from '../../core/strategies/replay-verdict.ts'
import type { ReleaseRequest } from '../control-plane.ts'
import { banditProblems } from './bandit.ts'
import { rollProblems } from './fleet-sizes.ts'
import { goalProblems, marginProblems, undeclaredProblems } from './metric-definitions.ts'
import { refuse } from './refuse.ts'
import { shadowProblems } from './shadow.ts'

export function problemsOf(endpoint: EndpointState, request: ReleaseRequest): Problem[] {
  const { spec } = endpoint
  const problems: Problem[] = []
  if (own(spec.versions, request.to) === undefined) {
    problems.push({
      path: 'to',
      message: 'the endpoint has no such version',
      value: request.to,
      allowed: Object.keys(spec.versions),
    })
  }
  problems.push(...variantProblems(endpoint, request))
  problems.push(...shadowProblems(endpoint, request))
  problems.push(...undeclaredProblems(request, spec), ...goalProblems(request), ...marginProblems(request))
  problems.push(...banditProblems(request, endpoint))
  return problems
}

export function groupProblems(state: ControlState, { group }: ReleaseRequest): Problem[] {
  const allowed = Object.keys(state.endpoints)
  const missing = (group?.endpoints ?? []).filter(name => own(state.endpoints, name) === undefined)
  return missing.map(value => ({ path: 'group.endpoints', message: 'there is no such endpoint', value, allowed }))
}

/** The control is the stable version, beside versions that exist. */
function variantProblems({ spec, stable }: EndpointState, { stages }: ReleaseRequest): Problem[] {
  return stages.flatMap((stage, index): Problem[] => {
    if (stage.kind !== 'abTest') return []
    const allowed = Object.keys(spec.versions).filter(version => version !== stable)
    return stage.variants
      .filter(variant => !allowed.includes(variant))
      .map(value => {
        const message =
          value === stable ? 'is the stable version, which is the control' : 'the endpoint has no such version'
        return { path: `stages[${index}].abTest.variants`, message, value, allowed }
      })
  })
}

/** What would never end, or never start, is refused before it begins. */
export function preflight(endpoint: EndpointState, request: ReleaseRequest): void {
  const what = `the release of ${request.to} on ${request.endpoint} cannot work`
  refuse(preflightFaults(endpoint, request), 'preflight-refused', what)
}

export function preflightFaults(endpoint: EndpointState, request: ReleaseRequest): Problem[] {
  const problems: Problem[] = []
  request.stages.forEach((stage, index) => {
    problems.push(...replayProblems(stage, `stages[${index}].${stage.kind}.replay`, endpoint.spec))
  })
  problems.push(...rollProblems(request.stages, { stable: endpoint.stable, candidate: request.to }, endpoint.spec))
  if (endpoint.fleets[endpoint.stable] === 'failed') {
    problems.push({
      path: 'endpoint',
      message: `the stable version ${endpoint.stable} is not running, so there is nothing to compare with and nothing to return to`,
    })
  }
  problems.push(...preflightProblems(endpoint.spec, { ...request, from: endpoint.stable }))
  return problems
}

/** A replay that could never be passed, however good the candidate is. */
function replayProblems(stage: StagePlan, path: string, spec: EndpointSpec): Problem[] {
  if (stage.kind !== 'blueGreen' || stage.replay === null) return []
  const problems: Problem[] = []
  const { requests, agreement, alpha } = stage.replay
  const fewest = fewestForAgreement({ agreement, alpha })
  if (fewest > requests) {
    const message = `even if all are alike, ${requests} answers do not show an agreement of ${agreement * 100} % at alpha ${alpha}; it takes ${fewest}`
    problems.push({ path: `${path}.requests`, message, value: requests, allowed: [`from ${fewest} on`] })
  }
  if (spec.payloadSamplePpm === 0) {
    const message = `endpoint ${spec.name} keeps no bodies (payload-sample is 0%), so nothing can be sent again`
    problems.push({ path, message })
  }
  return problems
}
