/** The evidence that each stage of a plan needs: what it asks, of how many, with which power, and how long that takes. */
import type { EndpointSpec } from '../endpoint.ts'
import { assertNever } from '../errors.ts'
import type { Forecast } from '../forecast.ts'
import type { ReleasePlan } from '../plan.ts'
import type { BlueGreenPlan, ShadowPlan, StageKind, StagePlan } from '../stage-plans.ts'
import { fewestForAgreement } from '../strategies/replay-verdict.ts'
import { boundsOf, lengthOf } from '../strategies/roll-plan.ts'
import { marginOf } from './choices.ts'
import { guardrailSample, pairsSample, type Sample } from './samples.ts'
import type { Situation } from './situation.ts'
import { raced, tested } from './test-needs.ts'
import type { VerdictNeed } from './verdict-need.ts'

export function verdictsOf(situation: Situation, plan: ReleasePlan, told: Forecast): VerdictNeed[] {
  return plan.stages.map((stage, index) => {
    const gates = told.stages[index]?.gates ?? []
    const times = gates.map(({ expectedMs }) => expectedMs)
    const gatesMs = times.includes(null) ? null : times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0)
    return verdictOf(situation, { plan, stage, gatesMs })
  })
}

/** Of all stages, one after the other; null as soon as one is not known. */
export function totalMs(verdicts: readonly VerdictNeed[]): number | null {
  return verdicts.reduce<number | null>(
    (sum, { expectedMs }) => (sum === null || expectedMs === null ? null : sum + expectedMs),
    0,
  )
}

type Of<Stage extends StagePlan = StagePlan> = { plan: ReleasePlan; stage: Stage; gatesMs: number | null }

function verdictOf(situation: Situation, of: Of): VerdictNeed {
  const { stage, plan, gatesMs } = of
  switch (stage.kind) {
    case 'recreate':
      return nothingShown(
        stage.kind,
        'nothing is compared: the new version is kept if it can be kept running',
        stage.watchMs,
      )
    case 'rolling':
      if (stage.minRequests === 0)
        return nothingShown(stage.kind, 'batches wait for fleets alone: nobody calls the endpoint', gatesMs ?? 0)
      return guarded(situation, of, shareOfFirst(situation.spec, plan, stage))
    case 'canary':
      return guarded(situation, of, shareOfFirst(situation.spec, plan, stage))
    case 'blueGreen':
      return switched(situation, { plan, stage, gatesMs })
    case 'shadow':
      return paired(situation, { plan, stage, gatesMs })
    case 'abTest':
      return tested(situation, stage)
    case 'bandit':
      return raced(situation, stage)
    default:
      return assertNever(stage)
  }
}

function nothingShown(stage: StageKind, says: string, expectedMs: number): VerdictNeed {
  return { stage, asks: 'nothing', of: 'nothing', sample: null, expectedMs, says }
}

/** The candidate's share where callers first meet it, above 0 and below 1. */
export function shareOfFirst(spec: EndpointSpec, plan: ReleasePlan, stage: StagePlan): number {
  const share = firstShare(spec, plan, stage)
  return Math.min(0.99, Math.max(1e-6, share))
}

function firstShare({ versions }: EndpointSpec, { from, to }: ReleasePlan, stage: StagePlan): number {
  const sizeOf = (version: string) => versions[version]?.instances ?? 1
  switch (stage.kind) {
    case 'canary':
      return (stage.steps[0]?.weightPpm ?? 10_000) / 1_000_000
    case 'abTest':
      return Math.max(...Object.values(stage.splitPpm)) / 1_000_000
    case 'bandit':
      return 1 / stage.arms.length
    case 'rolling':
      return (
        (lengthOf(boundsOf(stage, { stable: sizeOf(from), candidate: sizeOf(to) })).sharesPpm[0] ?? 500_000) / 1_000_000
      )
    default:
      return 0.5
  }
}

/** The sample by which a guardrail would catch the harm that is feared. */
export function harmSample(situation: Situation, plan: ReleasePlan, share: number): Sample | null {
  const { harm, errorRate, wrongRate } = situation
  const { metric, by } = harm.value
  const check = plan.guardrails.find(({ measure }) => measure.kind === metric)
  return guardrailSample({
    rate: metric === 'error-rate' ? errorRate.value : (wrongRate.value ?? 0.1),
    harm: by,
    margin: check?.margin ?? marginOf(situation, metric),
    alpha: check?.alpha ?? 0.01,
    share,
  })
}

function guarded(situation: Situation, { plan, stage, gatesMs }: Of, share: number): VerdictNeed {
  const { metric, by } = situation.harm.value
  const late = metric === 'accuracy' ? situation.labelDelayMs.value : 0
  return {
    stage: stage.kind,
    asks: `a harm of ${points(by)} in ${metric} is caught`,
    of: 'requests',
    sample: harmSample(situation, plan, share),
    expectedMs: gatesMs === null ? null : gatesMs + late,
    says: 'requests of the candidate; a good one goes on as soon as its checks have enough and none is over its margin',
  }
}

/** Before against after: as many of either. */
function switched(situation: Situation, { plan, stage, gatesMs }: Of<BlueGreenPlan>): VerdictNeed {
  const replayMs = stage.replay === null ? 0 : bodiesMs(situation, fewestForAgreement(stage.replay))
  const allMs = gatesMs === null || replayMs === null ? null : gatesMs + replayMs
  return guarded(situation, { plan, stage, gatesMs: allMs }, 0.5)
}

function paired(situation: Situation, { stage, gatesMs }: Of<ShadowPlan>): VerdictNeed {
  const isShown = stage.goal !== null
  const margin = stage.goal?.margin ?? marginOf(situation, 'accuracy')
  const late = isShown ? situation.labelDelayMs.value : 0
  const isReplay = stage.mode === 'replay'
  return {
    stage: 'shadow',
    asks: isShown
      ? `${stage.goal?.metric} is no worse than ${points(margin)}`
      : `at least ${Math.round((stage.agreement?.least ?? 0) * 100)} % of the answers agree`,
    of: 'pairs',
    sample: isShown ? pairsSample({ discordance: situation.discordance.value, margin }) : null,
    expectedMs: isReplay ? bodiesMs(situation, stage.pairs) : gatesMs === null ? null : gatesMs + late,
    says: isShown
      ? `${stage.pairs} pairs, of which ${Number((situation.discordance.value * 100).toPrecision(3))} % are taken to be discordant`
      : `${stage.pairs} ${isReplay ? 'recorded requests' : 'pairs'}; how many would be needed depends on how often the versions agree`,
  }
}

/** Until so many bodies are kept; they are no use before. */
function bodiesMs({ keptBodies, requestsPerSecond, spec }: Situation, needed: number): number | null {
  const missing = needed - keptBodies.value
  const rate = ((requestsPerSecond.value ?? 0) * spec.payloadSamplePpm) / 1_000_000
  if (missing <= 0) return 0
  return rate === 0 ? null : Math.ceil((missing * 1_000) / rate)
}

function points(rate: number): string {
  return `${Number((rate * 100).toPrecision(3))} pp`
}
