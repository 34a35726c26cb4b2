/** What a plan would take and risk in this situation, in numbers: from the real plan, its forecast and its samples. */
import type { Problem } from '../errors.ts'
import { type Forecast, forecast } from '../forecast.ts'
import type { ReleasePlan } from '../plan.ts'
import type { StagePlan } from '../stage-plans.ts'
import { type Exposure, exposureOf } from './exposure.ts'
import { type Rollback, rollbackOf } from './rollback.ts'
import type { Situation } from './situation.ts'
import type { VerdictNeed } from './verdict-need.ts'
import { totalMs, verdictsOf } from './verdicts.ts'

/** A document as the server would run it, with everything that it would be refused for. */
export type Planned = { plan: ReleasePlan; problems: readonly Problem[] }

export type Figures = {
  zeroDowntime: boolean
  /** What the candidate answers before everybody meets it: nothing, recorded requests, copies of live ones, or live ones. */
  realTraffic: 'none' | 'recorded' | 'copies' | 'live'
  /** Callers meet the candidate before anything has judged it. */
  exposesUnjudged: boolean
  targeted: boolean
  rollback: Rollback
  capacity: {
    peakInstances: number
    /** Above what the stable version declares. */
    extraInstances: number
    /** Null where nobody knows how long it takes. */
    instanceHours: number | null
  }
  verdicts: readonly VerdictNeed[]
  /** To the last verdict; null where it is not known. */
  totalMs: number | null
  exposure: Exposure
}

export function figuresOf(situation: Situation, { plan }: Planned): Figures {
  const told = forecast(situation.spec, plan, situation.requestsPerSecond.value, 0)
  const verdicts = verdictsOf(situation, plan, told)
  return {
    zeroDowntime: plan.stages.every(({ kind }) => kind !== 'recreate'),
    realTraffic: realTrafficOf(plan.stages),
    exposesUnjudged: plan.stages[0] !== undefined && !judgesFirst(plan.stages[0]),
    targeted: plan.match !== undefined,
    rollback: rollbackOf(situation.spec, plan),
    capacity: capacityOf(situation, { plan, told, verdicts }),
    verdicts,
    totalMs: totalMs(verdicts),
    exposure: exposureOf(situation, plan),
  }
}

function realTrafficOf(stages: readonly StagePlan[]): Figures['realTraffic'] {
  const [first] = stages
  if (first === undefined || first.kind === 'recreate') return 'none'
  if (first.kind === 'shadow') return first.mode === 'replay' ? 'recorded' : 'copies'
  if (first.kind === 'blueGreen') return first.replay === null ? 'none' : 'recorded'
  return first.kind === 'rolling' && first.minRequests === 0 ? 'none' : 'live'
}

function judgesFirst(stage: StagePlan): boolean {
  return stage.kind === 'shadow' || (stage.kind === 'blueGreen' && (stage.replay !== null || stage.smoke.length > 0))
}

type Known = { plan: ReleasePlan; told: Forecast; verdicts: readonly VerdictNeed[] }

const hourMs = 3_600_000

/** Fleets run for as long as their stage does, and what is kept of the old version afterwards. */
function capacityOf({ spec, stable }: Situation, { plan, told, verdicts }: Known): Figures['capacity'] {
  const own = ownInstances(spec.versions[stable])
  const peaks = told.stages.map(({ peakInstances }) => peakInstances)
  const peakInstances = Math.max(own, ...peaks)
  const last = plan.stages.at(-1)
  const keptMs = last?.kind === 'blueGreen' ? last.keepMs : plan.probationMs
  let hours: number | null = (own * keptMs) / hourMs
  for (const [index, peak] of peaks.entries()) {
    const lastsMs = verdicts[index]?.expectedMs ?? null
    if (peak <= own) continue
    hours = hours === null || lastsMs === null ? null : hours + ((peak - own) * lastsMs) / hourMs
  }
  return { peakInstances, extraInstances: peakInstances - own, instanceHours: hours }
}

/** Servers that run elsewhere take none of the declared capacity. */
function ownInstances(version: Situation['spec']['versions'][string] | undefined): number {
  return version === undefined || version.backend.kind === 'url' ? 0 : version.instances
}
