/** The door for endpoints: what a document may change, given what is. Throws before anything has changed; never changes anything itself. */

import { isDeepStrictEqual } from 'node:util'
import type { EndpointSpec, VersionSpec } from '../../core/endpoint.ts'
import { CutoverError, type Problem } from '../../core/errors.ts'
import { own } from '../../core/own.ts'
import { triedVersions } from '../../core/plan.ts'
import { withFoundVersion, withFoundVersions } from '../../core/registry/versions.ts'
import type { ControlState, EndpointState } from '../../core/state.ts'
import type { Beside, Change } from '../control-plane.ts'
import { differences } from './differences.ts'
import { ruleProblems } from './flag-gates.ts'
import { expressionProblems } from './metric-definitions.ts'
import { refuse, type Surroundings } from './refuse.ts'
import { checkVersions } from './versions.ts'

/** `on`: what it was admitted on, which is another one by now if the endpoint has moved since. */
export type AdmittedEndpoint = { on: EndpointState | undefined; change: Change; spec: EndpointSpec }

/** The specification as it will be: with the versions that a registry brought beside those of the document. */
export async function admitEndpoint(
  around: Omit<Surroundings, 'baselines' | 'labelDelayMs'>,
  asked: EndpointSpec,
  beside: Beside = {},
): Promise<AdmittedEndpoint> {
  const spec = withFoundVersions(around.state(), asked)
  const before = own(around.state().endpoints, spec.name)
  refuse(
    before === undefined ? [] : conflictsWith(around.state(), before, spec),
    'invalid-resource',
    `endpoint ${spec.name} cannot become this`,
  )
  refuse(
    [...expressionProblems(spec, around.expressions), ...ruleProblems(around.state(), spec, beside)],
    'invalid-resource',
    `endpoint ${spec.name} cannot become this`,
  )
  await checkVersions(around, before, spec)
  const known = own(around.state().endpoints, spec.name)
  if (known !== before) return admitEndpoint(around, asked, beside)
  const resource = `Endpoint/${spec.name}`
  if (known === undefined)
    return {
      on: known,
      change: { action: 'created', resource, differences: differences(undefined, spec), note: null },
      spec,
    }
  const found = differences(known.spec, spec)
  const action = found.length === 0 ? 'unchanged' : 'updated'
  return { on: known, change: { action, resource, differences: found, note: null }, spec }
}

/** The endpoint with one more version, which a registry brought. What else was changed meanwhile stays changed. */
export async function admitVersion(
  around: Omit<Surroundings, 'baselines' | 'labelDelayMs'>,
  endpoint: string,
  version: VersionSpec,
): Promise<AdmittedEndpoint> {
  const known = own(around.state().endpoints, endpoint)
  if (known === undefined) throw new CutoverError('endpoint-not-found', `there is no endpoint ${endpoint}`)
  const admitted = await admitEndpoint(around, withFoundVersion(known, version))
  return admitted.on?.spec === known.spec ? admitted : admitVersion(around, endpoint, version)
}

function choosesByFeatures(state: ControlState, { activeRelease }: EndpointState): boolean {
  const stages = activeRelease === null ? [] : (state.releases[activeRelease]?.plan.stages ?? [])
  return stages.some(stage => stage.kind === 'bandit' && stage.context !== undefined)
}

/** The release under way, if it may still run the version, which does not run now: in a later stage, or on the way back. */
function activeWith(
  state: ControlState,
  { activeRelease, fleets }: EndpointState,
  version: string,
): string | undefined {
  const plan = state.releases[activeRelease ?? '']?.plan
  if (activeRelease === null || plan === undefined || (own(fleets, version) ?? 'absent') !== 'absent') return undefined
  return plan.from === version || triedVersions(plan).includes(version) ? activeRelease : undefined
}

/** A waiting release that will run the version. */
function waitingFor(state: ControlState, { queue = [] }: EndpointState, version: string): string | undefined {
  return queue.find(({ release }) => {
    const plan = state.releases[release]?.plan
    return plan !== undefined && triedVersions(plan).includes(version)
  })?.release
}

/** Two halves of a release would be judged by two measures, or divided among two kinds of units. */
function judgedBy({ activeRelease, spec: before }: EndpointState, spec: EndpointSpec): Problem[] {
  if (activeRelease === null) return []
  const parts = [
    { path: 'metrics', is: [before.metrics, spec.metrics], message: 'is judged by these; metrics can change' },
    { path: 'prediction', is: [before.answer, spec.answer], message: 'is judged by what this reads; it can change' },
    { path: 'unit', is: [before.unit, spec.unit], message: 'divides traffic by this; it can change' },
  ]
  return parts
    .filter(({ is: [was, will] }) => !isDeepStrictEqual(was, will))
    .map(({ path, message }) => ({ path, message: `release ${activeRelease} ${message} when it has ended` }))
}

function conflictsWith(state: ControlState, known: EndpointState, spec: EndpointSpec): Problem[] {
  const problems: Problem[] = []
  for (const [name, version] of Object.entries(known.spec.versions)) {
    const next: VersionSpec | undefined = own(spec.versions, name)
    if (next === undefined && (own(known.fleets, name) ?? 'absent') !== 'absent') {
      problems.push({ path: `versions.${name}`, message: 'the version is running and cannot be removed' })
    }
    const active = next === undefined ? activeWith(state, known, name) : undefined
    if (active !== undefined) {
      const message = `release ${active} goes on with it or back to it; wait for its end, or abort it`
      problems.push({ path: `versions.${name}`, message })
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
      })
    }
  }
  problems.push(...judgedBy(known, spec))
  if (choosesByFeatures(state, known) && !isDeepStrictEqual(spec.features, known.spec.features)) {
    problems.push({
      path: 'features',
      message: `release ${known.activeRelease} chooses by these; they can change when it has ended`,
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
