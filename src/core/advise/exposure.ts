/**
 * How many requests a bad candidate answers before it is taken away: rate x share x the time until a guardrail catches
 * the harm that is feared. A step is not left while the estimate is over the margin, so the share is that of the first one,
 * and what counts is the sample that shows the harm there.
 */
import type { ReleasePlan } from '../plan.ts'
import type { BlueGreenPlan, ShadowPlan, StagePlan } from '../stage-plans.ts'
import { pairsSample, plannedPower } from './samples.ts'
import type { Situation } from './situation.ts'
import { harmSample, shareOfFirst } from './verdicts.ts'

export type Exposure = {
  /** Null: nothing would catch it; everybody meets it until somebody looks. */
  requests: number | null
  /** Different users among them at most. */
  users: number | null
  says: string
}

export function exposureOf(situation: Situation, plan: ReleasePlan): Exposure {
  let missed = 1
  let requests = 0
  for (const stage of plan.stages) {
    if (stage.kind === 'shadow') {
      // What it does not catch goes on to the next stage; the first one that callers meet decides.
      missed *= missedBy(situation, plan, stage)
      continue
    }
    if (stage.kind === 'blueGreen') missed *= missedByReplay(situation, stage)
    const met = metIn(situation, plan, stage)
    if (met === null) return { requests: null, users: null, says: neverCaught(stage) }
    requests = Math.ceil(met * missed)
    break
  }
  if (requests === 0) return { requests: 0, users: 0, says: 'callers get no answer of a candidate that is found out' }
  const users = Math.min(requests, Math.max(1, Math.ceil(requests * situation.usersPerRequest.value)))
  return { requests, users, says: saysOf(situation, missed) }
}

function saysOf({ harm, labelDelayMs }: Situation, missed: number): string {
  const late =
    harm.value.metric === 'accuracy' && labelDelayMs.value > 0 ? ', those that wait for their labels included' : ''
  const before = missed < 1 ? `, in the ${percent(missed)} of cases in which what comes before misses it` : ''
  return `until the ${harm.value.metric} guardrail has the sample that shows the harm${late}${before}`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`
}

function neverCaught({ kind }: StagePlan): string {
  return `${kind} compares nothing: everybody meets it until somebody looks, or a limit of the endpoint's monitor is crossed`
}

/** Requests answered by a bad candidate in a stage; null where nothing ends it. */
function metIn(situation: Situation, plan: ReleasePlan, stage: StagePlan): number | null {
  if (stage.kind === 'recreate' || (stage.kind === 'rolling' && stage.minRequests === 0)) return null
  const share = shareOfFirst(situation.spec, plan, stage)
  const sample = harmSample(situation, plan, share)
  if (sample === null) return null
  const everybody = stage.kind === 'blueGreen' ? 1 : share
  return sample.needed + waitingForLabels(situation, everybody)
}

/** Whether so many more bad answers leave less than the asked agreement; 1 - 0.95 is not quite 0.05. */
function isDisagreement(by: number, agreement: number): boolean {
  return by >= 1 - agreement - 1e-9
}

/** So much disagreement passes a replay with the chance of its alpha only. */
function missedByReplay({ harm }: Situation, { replay }: BlueGreenPlan): number {
  return replay !== null && isDisagreement(harm.value.by, replay.agreement) ? replay.alpha : 1
}

function waitingForLabels({ harm, labelDelayMs, requestsPerSecond }: Situation, share: number): number {
  if (harm.value.metric !== 'accuracy') return 0
  return ((requestsPerSecond.value ?? 0) * share * labelDelayMs.value) / 1_000
}

/** The chance that a shadow lets the harm through: what its sample is large enough to show it shows with the planned power. */
function missedBy({ harm, discordance }: Situation, plan: ReleasePlan, stage: ShadowPlan): number {
  const { metric, by } = harm.value
  const check = plan.guardrails.find(({ measure }) => measure.kind === metric)
  if (stage.agreement !== null && isDisagreement(by, stage.agreement.least)) return 1 - plannedPower
  if (stage.mode === 'replay' || check === undefined || by <= check.margin) return 1
  const shown = { discordance: Math.max(discordance.value, by), margin: by - check.margin, alpha: check.alpha }
  return pairsSample(shown).needed <= stage.pairs ? 1 - plannedPower : 1
}
