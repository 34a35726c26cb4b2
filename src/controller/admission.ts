/** The door: what a document may change, given what is. Throws before anything has changed; never changes anything itself. */
import { isDeepStrictEqual } from 'node:util'
import type { EndpointSpec, VersionSpec } from '../core/endpoint.ts'
import { CutoverError, type Problem } from '../core/errors.ts'
import { forecast } from '../core/forecast.ts'
import { limits } from '../core/limits.ts'
import { type ReleasePlan, triedVersions } from '../core/plan.ts'
import { preflightProblems } from '../core/preflight.ts'
import type { StagePlan } from '../core/stage-plans.ts'
import type { ControlState, EndpointState, ReleaseState } from '../core/state.ts'
import { fewestForAgreement } from '../core/strategies/replay-verdict.ts'
import type { ModelMetadata } from '../ports/backend.ts'
import type { Baselines } from '../ports/baselines.ts'
import type { Deployer } from '../ports/deployer.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { TrafficRate } from '../ports/traffic-rate.ts'
import { askedOf } from './asked.ts'
import { type ArmsChange, armsChangeOf, banditProblems, completeBandit } from './bandit-admission.ts'
import type { Change, ReleaseRequest } from './control-plane.ts'
import { differences } from './differences.ts'
import { rollProblems, withEpochs } from './fleet-sizes.ts'
import { withHypotheses } from './hypotheses.ts'
import { type Interface, misfits, missingAnswer, missingFeatures } from './interface.ts'
import { expressionProblems, goalProblems, undeclaredProblems, withDefinitions } from './metric-definitions.ts'
import { shadowProblems } from './shadow-admission.ts'

/** The state is asked for again after every wait: it may have moved meanwhile. */
type Surroundings = {
  state: () => ControlState
  deployer: Deployer
  expressions: Expressions
  rate: TrafficRate
  baselines: Baselines
}

export async function admitEndpoint(around: Omit<Surroundings, 'baselines'>, spec: EndpointSpec): Promise<Change> {
  const before = around.state().endpoints[spec.name]
  refuse(
    before === undefined ? [] : conflictsWith(around.state(), before, spec),
    'invalid-resource',
    `endpoint ${spec.name} cannot become this`,
  )
  refuse(expressionProblems(spec, around.expressions), 'invalid-resource', `endpoint ${spec.name} cannot become this`)
  await checkVersions(around, before, spec)
  const known = around.state().endpoints[spec.name]
  if (known !== before) return admitEndpoint(around, spec)
  const resource = `Endpoint/${spec.name}`
  if (known === undefined) return { action: 'created', resource, differences: differences(undefined, spec), note: null }
  const found = differences(known.spec, spec)
  return { action: found.length === 0 ? 'unchanged' : 'updated', resource, differences: found, note: null }
}

/** A waiting release that will run the version. */
function waitingFor(state: ControlState, { queue = [] }: EndpointState, version: string): string | undefined {
  return queue.find(({ release }) => {
    const plan = state.releases[release]?.plan
    return plan !== undefined && triedVersions(plan).includes(version)
  })?.release
}

function conflictsWith(state: ControlState, known: EndpointState, spec: EndpointSpec): Problem[] {
  const problems: Problem[] = []
  for (const [name, version] of Object.entries(known.spec.versions)) {
    const next: VersionSpec | undefined = spec.versions[name]
    if (next === undefined && (known.fleets[name] ?? 'absent') !== 'absent') {
      problems.push({ path: `versions.${name}`, message: 'the version is running and cannot be removed' })
    }
    const waiting = next === undefined ? waitingFor(state, known, name) : undefined
    if (waiting !== undefined) {
      const message = `release ${waiting} waits for its turn with it; abort that first`
      problems.push({ path: `versions.${name}`, message })
    }
    if (next !== undefined && !isDeepStrictEqual(next, version)) {
      problems.push({
        path: `versions.${name}`,
        message: 'a version cannot change once it exists; give the new one another name',
        value: next,
      })
    }
  }
  if (known.activeRelease !== null && !isDeepStrictEqual(spec.metrics, known.spec.metrics)) {
    problems.push({
      path: 'metrics',
      message: `release ${known.activeRelease} is judged by these; metrics can change when it has ended`,
    })
  }
  if (spec.stable !== known.spec.stable && spec.stable !== known.stable) {
    problems.push({
      path: 'stable',
      message: `stable is moved by a release: cutover release ${spec.name} --to ${spec.stable}`,
      value: spec.stable,
      allowed: [...new Set([known.spec.stable, known.stable])],
    })
  }
  return problems
}

type Admitted = {
  change: Change
  plan: ReleasePlan | null
  id: string
  existing: string | null
  /** Of the release that exists. */
  arms?: ArmsChange
}

export async function admitRelease(around: Surroundings, asked: ReleaseRequest, again: boolean): Promise<Admitted> {
  const endpoint = needEndpoint(around.state(), asked.endpoint)
  const defined = withDefinitions(asked, endpoint.spec)
  const { spec, stable } = endpoint
  const versions = { stable, candidate: asked.to }
  const request = {
    ...defined,
    stages: defined.stages.map(stage =>
      completeBandit(withEpochs(stage, versions, spec), { spec, stable, to: asked.to }),
    ),
  }
  refuse(
    [...problemsOf(endpoint, request), ...groupProblems(around.state(), request)],
    'invalid-resource',
    `the release of ${request.to} on ${request.endpoint} is not valid`,
  )
  const id = `${request.endpoint}-${endpoint.releaseCount + 1}`
  const same = alreadySo(around.state(), endpoint, request, again)
  if (same !== null)
    return {
      change: { action: 'unchanged', resource: `Release/${same.id ?? id}`, differences: [], note: same.note },
      plan: null,
      id,
      existing: same.id,
    }
  const changed = await changesArms(around, endpoint, request)
  if (changed !== null) return { ...changed, id }
  refuseConflict(endpoint, request)
  preflight(endpoint, request)
  for (const name of triedVersions(request)) {
    const version = endpoint.spec.versions[name]
    if (version !== undefined) await checkVersion(around, version)
  }
  const planned = await withHypotheses(request, endpoint.stable, around.baselines)
  if (around.state().endpoints[request.endpoint] !== endpoint) return admitRelease(around, asked, again)
  const plan: ReleasePlan = { planVersion: 1, from: endpoint.stable, ...planned }
  const change: Change = {
    action: endpoint.activeRelease === null ? 'started' : 'queued',
    resource: `Release/${id}`,
    differences: differences(undefined, plan),
    note: noteOf(endpoint, plan),
    forecast: forecast(endpoint.spec, plan, around.rate.perSecond(request.endpoint)),
  }
  return { change, plan, id, existing: null }
}

/** A document that differs from the release under way in a bandit's arms alone changes these, and nothing is forgotten. */
async function changesArms(
  around: Surroundings,
  endpoint: EndpointState,
  request: ReleaseRequest,
): Promise<Omit<Admitted, 'id'> | null> {
  const active = endpoint.activeRelease === null ? undefined : around.state().releases[endpoint.activeRelease]
  const arms = active === undefined ? null : armsChangeOf(active, request)
  if (active === undefined || arms === null) return null
  const joins = arms.add.length > 0
  const problems = joins ? preflightProblems(endpoint.spec, { ...request, from: active.plan.from }) : []
  refuse(problems, 'preflight-refused', `${arms.add.join(', ')} cannot join ${active.id}`)
  for (const name of arms.add) {
    const version = endpoint.spec.versions[name]
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

/** New versions can be served, take what callers send now, and answer with what is compared with the label. */
async function checkVersions(
  around: Pick<Surroundings, 'deployer'>,
  before: EndpointState | undefined,
  spec: EndpointSpec,
): Promise<void> {
  const isNew = (version: VersionSpec): boolean => !isDeepStrictEqual(before?.spec.versions[version.name], version)
  const isReadAnew = !isDeepStrictEqual(readingOf(before?.spec), readingOf(spec))
  const stable = spec.versions[before?.stable ?? spec.stable]
  const checked = Object.values(spec.versions).filter(version => isNew(version) || isReadAnew || version === stable)
  if (!checked.some(isNew) && !isReadAnew) return
  const interfaces: Interface[] = []
  for (const version of checked) {
    const metadata = await checkVersion(around, version)
    if (metadata !== null) interfaces.push({ version: version.name, metadata })
  }
  const served = interfaces.find(one => one.version === stable?.name)
  const problems = interfaces.flatMap(one => [
    ...missingAnswer(one, spec),
    ...missingFeatures(one, spec),
    ...(served === undefined ? [] : misfits(served, one)),
  ])
  refuse(problems, 'invalid-resource', `endpoint ${spec.name} cannot become this`)
}

/** What is read of answers and requests. */
function readingOf(spec: EndpointSpec | undefined) {
  return { answer: spec?.answer, features: spec?.features }
}

/** The deployer speaks of the version alone; the document's author needs the path from its top. */
async function checkVersion(
  { deployer }: Pick<Surroundings, 'deployer'>,
  version: VersionSpec,
): Promise<ModelMetadata | null> {
  try {
    return await deployer.check(version)
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error
    const problems = error.problems.map(problem => ({ ...problem, path: `versions.${version.name}.${problem.path}` }))
    throw new CutoverError(error.code, error.message, problems, error)
  }
}

function needEndpoint(state: ControlState, name: string): EndpointState {
  const endpoint = state.endpoints[name]
  if (endpoint !== undefined) return endpoint
  throw new CutoverError('endpoint-not-found', `there is no endpoint ${name}`, [
    { path: 'endpoint', message: 'not found', value: name, allowed: Object.keys(state.endpoints) },
  ])
}

function problemsOf(endpoint: EndpointState, request: ReleaseRequest): Problem[] {
  const { spec } = endpoint
  const problems: Problem[] = []
  if (spec.versions[request.to] === undefined) {
    problems.push({
      path: 'to',
      message: 'the endpoint has no such version',
      value: request.to,
      allowed: Object.keys(spec.versions),
    })
  }
  problems.push(...variantProblems(endpoint, request))
  problems.push(...shadowProblems(endpoint, request))
  problems.push(...undeclaredProblems(request, spec), ...goalProblems(request))
  problems.push(...banditProblems(request, endpoint))
  return problems
}

function groupProblems(state: ControlState, { group }: ReleaseRequest): Problem[] {
  const allowed = Object.keys(state.endpoints)
  const missing = (group?.endpoints ?? []).filter(name => state.endpoints[name] === undefined)
  return missing.map(value => ({ path: 'group.endpoints', message: 'there is no such endpoint', value, allowed }))
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

/** What the document asks for is there already or under way: applying it again starts nothing. */
function alreadySo(
  state: ControlState,
  endpoint: EndpointState,
  request: ReleaseRequest,
  again: boolean,
): { id: string | null; note: string } | null {
  const active = endpoint.activeRelease === null ? undefined : state.releases[endpoint.activeRelease]
  if (active !== undefined && asks(active, request))
    return { id: active.id, note: `release ${active.id} of this document is under way` }
  const waiting = (endpoint.queue ?? []).flatMap(({ release }) => state.releases[release] ?? [])
  const queued = waiting.find(release => asks(release, request))
  if (queued !== undefined) return { id: queued.id, note: `release ${queued.id} of this document waits for its turn` }
  if (endpoint.stable === request.to && active === undefined)
    return { id: null, note: `${request.to} is stable already` }
  const last = Object.values(state.releases).findLast(release => release.plan.endpoint === request.endpoint)
  if (!again && last?.plan.reason !== undefined && last.plan.from === request.to && last.phase.kind === 'promoted') {
    const note = `release ${last.id} went back from ${request.to}: ${last.plan.reason}; \`cutover release\` tries again`
    return { id: last.id, note }
  }
  if (!again && last !== undefined && asks(last, request) && last.phase.kind === 'rolled-back') {
    return { id: last.id, note: `release ${last.id} of this document was rolled back; \`cutover release\` tries again` }
  }
  return null
}

function asks(release: ReleaseState, request: ReleaseRequest): boolean {
  return isDeepStrictEqual(askedOf(release.plan), request)
}

/** What would never end, or never start, is refused before it begins. */
function preflight(endpoint: EndpointState, request: ReleaseRequest): void {
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
  refuse(problems, 'preflight-refused', `the release of ${request.to} on ${request.endpoint} cannot work`)
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

function refuse(problems: readonly Problem[], code: 'invalid-resource' | 'preflight-refused', detail: string): void {
  if (problems.length === 0) return
  const immutable = problems.every(problem => problem.message.startsWith('a version cannot change'))
  throw new CutoverError(
    immutable ? 'version-immutable' : code,
    `${detail}: ${problems.map(one => `${one.path}: ${one.message}`).join('; ')}`,
    problems,
  )
}
