/**
 * How long a step will wait for its evidence if traffic goes on as it does: what is still needed over what has come per
 * time. An estimate for people; no verdict rests on it.
 */
import type { CanaryPlan } from '../stage-plans.ts'
import type { ReleaseState } from '../state.ts'
import type { CheckResult, Judgement } from './judgement.ts'

export type StepWait = {
  /** Requests that the candidate must answer until every count is reached, at the shares of labels seen so far. */
  requests: number
  /** The candidate's, since the step began. */
  requestsPerMinute: number
  /** Null: at the present rate it never ends. */
  waitMs: number | null
}

type Seen = { judgement: Judgement; minRequests: number; sinceMs: number; atMs: number }

/** Null where no count is missing, for more of the same traffic is then not what the step waits for, and where nothing is known yet. */
export function stepWait({ judgement, minRequests, sinceMs, atMs }: Seen): StepWait | null {
  const missing = [
    Math.max(0, minRequests - judgement.stepRequests),
    ...judgement.checks.map(check => requestsMissing(check, judgement)),
  ]
  const requests = Math.max(...missing)
  const isEarly = judgement.stepRequests === 0 && atMs - sinceMs < earlyMs
  if (requests === 0 || isEarly) return null
  const perMs = judgement.stepRequests / Math.max(1, atMs - sinceMs)
  const waitMs = perMs === 0 || requests === Number.POSITIVE_INFINITY ? null : Math.ceil(requests / perMs)
  return { requests, requestsPerMinute: perMs * 60_000, waitMs }
}

/** A step without a request yet says nothing of the traffic before it is this old. */
const earlyMs = 60_000

/** Requests of the candidate until both sides have enough observations; infinite where none has come of many requests. */
function requestsMissing(
  { role, verdict, check, candidate, stable }: CheckResult,
  { exposedRequests }: Judgement,
): number {
  if (role !== 'guardrail' || verdict !== 'insufficient') return 0
  const needs = [candidate, stable].map(({ trials }) => {
    if (trials >= check.minEvents) return 0
    if (trials > 0) return ((check.minEvents - trials) * Math.max(1, exposedRequests)) / trials
    return exposedRequests < tellingRequests ? check.minEvents : Number.POSITIVE_INFINITY
  })
  return Math.ceil(Math.max(...needs))
}

/** If so many requests brought not one observation, the next ones are not expected to either. */
const tellingRequests = 100

/** The wait of the release's running step, as of a look at the evidence; null where it waits for no traffic. */
export function releaseWait(
  { phase, plan, epochs }: ReleaseState,
  look: { judgement: Judgement; atMs: number },
): { wait: StepWait; says: string } | null {
  if (phase.kind !== 'running') return null
  const stage = plan.stages[phase.stageIndex]
  const sinceMs = epochs.at(-1)?.sinceMs
  if (stage?.kind !== 'canary' || phase.stage.kind !== 'canary' || sinceMs === undefined) return null
  const wait = stepWait({ ...look, minRequests: stage.minRequests, sinceMs })
  if (wait === null) return null
  return { wait, says: waitText(wait, leftMs(stage, phase.stage, look.atMs)) }
}

/** Time to the ceiling of the step; null without one. */
export function leftMs(
  { steps }: CanaryPlan,
  state: { stepIndex: number; stepSinceMs: number },
  atMs: number,
): number | null {
  const ceilingMs = steps[state.stepIndex]?.ceilingMs ?? null
  return ceilingMs === null ? null : Math.max(0, state.stepSinceMs + ceilingMs - atMs)
}

/** A wait that is worth to be shortened. */
const longMs = 3_600_000

const cheaper =
  'cheaper: a shadow stage compares answers in pairs and needs far fewer requests; or a wider margin, a greater weight, a longer at-most'

export function waitText(wait: StepWait, leftMs: number | null): string {
  const rate = `${Number(wait.requestsPerMinute.toPrecision(2))} requests a minute`
  const says =
    wait.waitMs === null
      ? `at the present ${rate} it will not end by itself`
      : `about ${span(wait.waitMs)} more at the present ${rate}`
  const isLong = wait.waitMs === null || wait.waitMs > (leftMs ?? longMs)
  return isLong ? `${says}; ${cheaper}` : says
}

/** `40 s`, `12 min`, `3 h`, `2 d`. */
export function span(ms: number): string {
  const [size, unit] = (
    [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
    ] as const
  ).find(([least]) => ms >= 2 * least) ?? [1_000, 's']
  return `${Math.max(1, Math.round(ms / size))} ${unit}`
}
