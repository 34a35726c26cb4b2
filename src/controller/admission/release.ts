/** The door for releases: what a document may start, given what is. Throws before anything has changed; never changes anything itself. */

import { isDeepStrictEqual } from 'node:util'
import { CutoverError } from '../../core/errors.ts'
import { forecast } from '../../core/forecast.ts'
import { limits } from '../../core/limits.ts'
import { own } from '../../core/own.ts'
import { type ReleasePlan, triedVersions } from '../../core/plan.ts'
import { preflightProblems } from '../../core/preflight.ts'
import { begunPlan } from '../../core/release/overlap.ts'
import type { ControlState, EndpointState } from '../../core/state.ts'
import type { Beside, Change, Considered, ReleaseRequest } from '../control-plane.ts'
import { askedOf } from './asked.ts'
import { type ArmsChange, armsChangeOf, completeBandit, withoutUnnamedArms } from './bandit.ts'
import { differences } from './differences.ts'
import { gateProblems } from './flag-gates.ts'
import { withEpochs } from './fleet-sizes.ts'
import { withHypotheses } from './hypotheses.ts'
import { withDefinitions } from './metric-definitions.ts'
import { refuse, type Surroundings } from './refuse.ts'
import { groupProblems, preflight, preflightFaults, problemsOf } from './release-problems.ts'
import { type AlreadySo, alreadySo, alreadyThere } from './repeats.ts'
import { checkVersion } from './versions.ts'

export type Admitted = {
  /** What it was admitted on: it is another one by now if the endpoint has moved since. */
  on: EndpointState
  change: Change
  plan: ReleasePlan | null
  id: string
  existing: string | null
  /** Of the release that exists. */
  arms?: ArmsChange
}

export async function admitRelease(
  around: Surroundings,
  asked: ReleaseRequest,
  again: boolean,
  beside: Beside = {},
): Promise<Admitted> {
  const endpoint = needEndpoint(around.state(), asked.endpoint)
  const request = completed(endpoint, asked)
  const id = `${request.endpoint}-${endpoint.releaseCount + 1}`
  // Where there is no release, none is named: the document is one of its endpoint.
  const unchanged = (same: AlreadySo): Admitted => ({
    on: endpoint,
    change: {
      action: 'unchanged',
      resource: `Release/${same.id ?? request.endpoint}`,
      differences: [],
      note: same.note,
    },
    plan: null,
    id,
    existing: same.id,
  })
  // A document says what it said when its release began: by now its candidate may be the stable version.
  const asks = (plan: ReleasePlan): boolean =>
    isDeepStrictEqual(askedOf(begunPlan(plan)), completed({ spec: endpoint.spec, stable: plan.from }, asked))
  const how = { asks, again }
  const same = alreadySo(around.state(), endpoint, how)
  if (same !== null) return unchanged(same)
  refuse(
    [
      ...problemsOf(endpoint, request),
      ...groupProblems(around.state(), request),
      ...gateProblems(around.state(), request, beside),
    ],
    'invalid-resource',
    `the release of ${request.to} on ${request.endpoint} is not valid`,
  )
  const there = alreadyThere(around.state(), endpoint, request, how)
  if (there !== null) return unchanged(there)
  const changed = await changesArms(around, endpoint, request)
  if (own(around.state().endpoints, request.endpoint) !== endpoint) return admitRelease(around, asked, again, beside)
  if (changed !== null) return { ...changed, on: endpoint, id }
  refuseConflict(endpoint, request)
  preflight(endpoint, request)
  for (const name of triedVersions(request)) {
    const version = own(endpoint.spec.versions, name)
    if (version !== undefined) await checkVersion(around, version)
  }
  const planned = await withHypotheses(request, endpoint.stable, around.baselines)
  if (own(around.state().endpoints, request.endpoint) !== endpoint) return admitRelease(around, asked, again, beside)
  const waits = endpoint.activeRelease !== null
  const stages = waits ? withoutUnnamedArms(planned.stages, asked.stages) : planned.stages
  const plan: ReleasePlan = { planVersion: 1, from: endpoint.stable, ...planned, stages }
  const change: Change = {
    action: endpoint.activeRelease === null ? 'started' : 'queued',
    resource: `Release/${id}`,
    differences: differences(undefined, plan),
    note: noteOf(endpoint, plan),
    forecast: forecast(
      endpoint.spec,
      plan,
      around.rate.perSecond(request.endpoint),
      endpoint.spec.labelWindowMs ?? around.labelDelayMs(request.endpoint),
    ),
  }
  return { on: endpoint, change, plan, id, existing: null }
}

/** What the endpoint adds to a document: definitions, arms, how often a roll changes weights. */
function completed({ spec, stable }: Pick<EndpointState, 'spec' | 'stable'>, asked: ReleaseRequest): ReleaseRequest {
  const defined = withDefinitions(asked, spec)
  const versions = { stable, candidate: asked.to }
  const stages = defined.stages.map(stage =>
    completeBandit(withEpochs(stage, versions, spec), { spec, stable, to: asked.to }),
  )
  return { ...defined, stages }
}

/** As `admitRelease` would plan it, with everything that it would refuse; nothing is asked of model servers. */
export function considerRelease(state: ControlState, asked: ReleaseRequest): Considered {
  const endpoint = needEndpoint(state, asked.endpoint)
  const request = completed(endpoint, asked)
  const problems = [
    ...problemsOf(endpoint, request),
    ...groupProblems(state, request),
    ...gateProblems(state, request, {}),
    ...preflightFaults(endpoint, request),
  ]
  return { plan: { planVersion: 1, from: endpoint.stable, ...request }, problems }
}

function needEndpoint(state: ControlState, name: string): EndpointState {
  const endpoint = own(state.endpoints, name)
  if (endpoint !== undefined) return endpoint
  throw new CutoverError('endpoint-not-found', `there is no endpoint ${name}`, [
    { path: 'endpoint', message: 'not found', value: name, allowed: Object.keys(state.endpoints) },
  ])
}

/** A document that differs from the release under way in a bandit's arms alone changes these, and nothing is forgotten. */
async function changesArms(
  around: Surroundings,
  endpoint: EndpointState,
  request: ReleaseRequest,
): Promise<Omit<Admitted, 'id' | 'on'> | null> {
  const active = endpoint.activeRelease === null ? undefined : around.state().releases[endpoint.activeRelease]
  const arms = active === undefined ? null : armsChangeOf(active, request)
  if (active === undefined || arms === null) return null
  const joins = arms.add.length > 0
  const problems = joins ? preflightProblems(endpoint.spec, { ...request, from: active.plan.from }) : []
  refuse(problems, 'preflight-refused', `${arms.add.join(', ')} cannot join ${active.id}`)
  for (const name of arms.add) {
    const version = own(endpoint.spec.versions, name)
    if (version !== undefined) await checkVersion(around, version)
  }
  const isUnchanged = arms.add.length + arms.retire.length === 0
  const note = [
    ...arms.add.map(arm => `${arm} joins`),
    ...arms.retire.map(arm => `${arm} is retired`),
    ...(isUnchanged ? [`release ${active.id} of this document is under way`] : []),
  ].join(', ')
  const action = isUnchanged ? 'unchanged' : 'updated'
  const change: Change = { action, resource: `Release/${active.id}`, differences: [], note }
  return { change, plan: null, existing: active.id, ...(!isUnchanged && { arms }) }
}

/** One release at a time: the next one is refused unless it says what is to happen. */
function refuseConflict({ spec, activeRelease, queue = [] }: EndpointState, { onConflict }: ReleaseRequest): void {
  if (activeRelease === null) return
  const under = `endpoint ${spec.name} has release ${activeRelease} under way`
  if (onConflict === undefined) {
    const remedy = 'wait for its end, abort it, or say `on-conflict: queue` or `replace`'
    throw new CutoverError('release-conflict', `${under}; ${remedy}`)
  }
  if (queue.length < limits.queuedReleasesMax) return
  const full = `${queue.length} releases wait for it already; at most ${limits.queuedReleasesMax}`
  throw new CutoverError('release-conflict', `${under}, and ${full}`)
}

function noteOf({ activeRelease }: EndpointState, { onConflict }: ReleasePlan): string | null {
  if (activeRelease === null) return null
  return onConflict === 'replace' ? `takes the place of ${activeRelease}` : `waits for the end of ${activeRelease}`
}
