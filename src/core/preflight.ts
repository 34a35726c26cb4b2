/**
 * Before a release starts: how many instances run at the peak of each stage, what would never get anywhere, and how long
 * the evidence of each step will take at the present traffic. Pure; refusals carry the numbers.
 */

import { controlOf, fleetSpec, isControl, publicName } from './control-fleet.ts'
import type { EndpointSpec } from './endpoint.ts'
import type { Problem } from './errors.ts'
import { own } from './own.ts'
import type { ReleasePlan } from './plan.ts'
import { type Amount, type StagePlan, versionsOf } from './stage-plans.ts'

export type Candidacy = Pick<ReleasePlan, 'from' | 'to' | 'stages' | 'guardrails' | 'match' | 'group'>

/** Instances of each fleet at the peak of a stage. */
type Peak = { total: number; fleets: Readonly<Record<string, number>> }

/** What the server itself starts; servers that run elsewhere take none of its capacity. */
function sizeOf(spec: EndpointSpec, name: string, candidate: string): number {
  const version = fleetSpec(spec, name, isControl(name) ? own(spec.versions, candidate)?.instances : undefined)
  return version === undefined || version.backend.kind === 'url' ? 0 : version.instances
}

/** Fleets that earlier stages started run on to the end of the release. */
export function peaks(spec: EndpointSpec, { from, to, stages }: Candidacy): Peak[] {
  const started = new Set([from])
  return stages.map(stage => {
    for (const name of fleetsOf(spec, stage, { from, to })) started.add(name)
    const names = [...started].filter(
      name => !isControl(name) || (stage.kind === 'canary' && stage.control !== undefined),
    )
    const fleets = Object.fromEntries(names.map(name => [name, sizeOf(spec, name, to)]))
    return peakOf(stage, { fleets, from, to })
  })
}

function fleetsOf(spec: EndpointSpec, stage: StagePlan, { from, to }: { from: string; to: string }): string[] {
  const named = [...versionsOf(stage, to)]
  // Recorded requests take one instance after another; then whoever passed gets its whole fleet.
  if (stage.kind === 'shadow' && stage.mode === 'replay')
    return named.toSorted((a, b) => sizeOf(spec, b, to) - sizeOf(spec, a, to)).slice(0, 1)
  return stage.kind === 'canary' && stage.control !== undefined ? [...named, controlOf(from)] : named
}

type Sized = { fleets: Readonly<Record<string, number>>; from: string; to: string }

function peakOf(stage: StagePlan, { fleets, from, to }: Sized): Peak {
  const together = sum(Object.values(fleets))
  const [old = 0, young = 0] = [fleets[from], fleets[to]]
  const others = together - old - young
  if (stage.kind === 'recreate') return { total: others + Math.max(old, young), fleets }
  if (stage.kind === 'rolling')
    return { total: others + Math.max(old, young) + amountOf(stage.maxSurge, young), fleets }
  return { total: together, fleets }
}

/** A share of a fleet is rounded up, so that a surge of 1 % is one instance. */
function amountOf(amount: Amount, instances: number): number {
  return 'count' in amount ? amount.count : Math.ceil((amount.ppm * instances) / 1_000_000)
}

function unrecorded(endpoint: string): Problem {
  const message = `endpoint ${endpoint} keeps no predictions, so that nothing would ever be known of the candidate`
  return { path: 'endpoint', message, value: endpoint, allowed: ['an endpoint with `recording: on`'] }
}

export function preflightProblems(spec: EndpointSpec, plan: Candidacy): Problem[] {
  if (spec.recording === 'off') return [unrecorded(spec.name)]
  return [
    ...capacityProblems(spec, plan),
    ...plan.stages.flatMap((stage, index) => stageProblems(spec, plan, stage, index)),
  ]
}

function capacityProblems(spec: EndpointSpec, plan: Candidacy): Problem[] {
  const capacity = spec.capacity?.instances
  if (capacity === undefined) return []
  return peaks(spec, plan).flatMap(({ total, fleets }, index): Problem[] => {
    const kind = plan.stages[index]?.kind
    if (total <= capacity) return []
    const parts = Object.entries(fleets).filter(([, count]) => count > 0)
    const counted = parts.map(([name, count]) => `${nameOf(name)} ${count}`).join(', ')
    return [
      {
        path: `stages[${index}].${kind}`,
        message: `needs ${total} instances at once (${counted}), and the endpoint declares a capacity of ${capacity}`,
        value: total,
        allowed: fitting(spec, plan, capacity),
      },
    ]
  })
}

function nameOf(name: string): string {
  return isControl(name) ? `control of ${publicName(name)}` : name
}

/** Strategies that take no more than there is, with what they take. */
function fitting(spec: EndpointSpec, { from, to }: Candidacy, capacity: number): string[] {
  const [old, young] = [sizeOf(spec, from, to), sizeOf(spec, to, to)]
  const larger = Math.max(old, young)
  const known: [string, number][] = [
    ['canary, shadow or blueGreen', old + young],
    ['rolling with max-surge 1', larger + 1],
    ['rolling with max-surge 0 and max-unavailable 1', larger],
    ['recreate', larger],
  ]
  const fits = known.filter(([, total]) => total <= capacity).map(([name, total]) => `${name} (${total})`)
  return fits.length > 0 ? fits : [`a capacity of ${larger}, or smaller versions: nothing fits`]
}

function stageProblems(spec: EndpointSpec, plan: Candidacy, stage: StagePlan, index: number): Problem[] {
  const path = `stages[${index}].${stage.kind}`
  const { from, to } = plan
  const elsewhere = [from, to].filter(name => own(spec.versions, name)?.backend.kind === 'url')
  switch (stage.kind) {
    case 'rolling':
      return scopeProblems(path, plan)
    case 'recreate':
      return [...fixedProblems(path, elsewhere), ...scopeProblems(path, plan), ...gapProblems(path, plan)]
    case 'canary':
      return stage.control !== undefined && own(spec.versions, from)?.backend.kind === 'url'
        ? [
            {
              path: `${path}.control`,
              message: `a control is a fresh fleet, and ${from} runs elsewhere: Cutover cannot start another one`,
              value: stage.control,
              allowed: ['stable'],
            },
          ]
        : []
    default:
      return []
  }
}

/** What stops and starts fleets cannot do so to servers that run elsewhere: both would go on, or neither. */
function fixedProblems(path: string, elsewhere: readonly string[]): Problem[] {
  if (elsewhere.length === 0) return []
  const message = `stops and starts instances, and ${elsewhere.join(' and ')} run${elsewhere.length === 1 ? 's' : ''} elsewhere (url)`
  return [{ path, message, allowed: ['canary', 'blueGreen', 'shadow', 'abTest', 'bandit'] }]
}

function scopeProblems(path: string, { match }: Candidacy): Problem[] {
  if (match === undefined) return []
  const message = 'takes instances of the stable version away, and those out of the scope stay on it'
  return [{ path, message, allowed: ['canary', 'blueGreen', 'abTest', 'bandit'] }]
}

/** Nobody serves between its start and its promotion. */
function gapProblems(path: string, { group }: Candidacy): Problem[] {
  if (group === undefined) return []
  const message = `nobody would serve while it waits for the others of the group ${group.name}`
  return [{ path, message, allowed: ['canary', 'rolling', 'blueGreen', 'shadow', 'abTest', 'bandit'] }]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
