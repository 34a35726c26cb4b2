/**
 * How long a step will wait for its evidence if traffic goes on as it does: what is still needed over what has come per
 * time. An estimate for people; no verdict rests on it.
 */
import type { CanaryPlan, StagePlan } from '../stage-plans.ts'
import type { Phase, ReleaseState } from '../state.ts'
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

/** The wait of the release's running step, as of a look at the evidence; null where it waits for neither traffic nor time. */
export function releaseWait(
  release: ReleaseState,
  look: { judgement: Judgement; atMs: number },
): { wait: StepWait; says: string } | null {
  const { phase, plan } = release
  const stage = phase.kind === 'running' ? plan.stages[phase.stageIndex] : undefined
  if (phase.kind !== 'running' || stage === undefined) return null
  const found = trafficWait(release, stage, look)
  const lastsMs = lastsMoreMs(stage, phase.stage, look.atMs)
  // Whichever is over last; what never ends by itself is said first.
  if (lastsMs === 0 || (found !== null && (found.wait.waitMs ?? Number.POSITIVE_INFINITY) >= lastsMs)) return found
  const wait = { requests: 0, requestsPerMinute: 0, ...found?.wait, waitMs: lastsMs }
  const what = stage.kind === 'canary' ? 'step' : 'stage'
  return { wait, says: `the ${what} lasts ${span(lastsMs)} more at least, as its \`for\` asks` }
}

function trafficWait(
  { phase, epochs }: ReleaseState,
  stage: StagePlan,
  look: { judgement: Judgement; atMs: number },
): { wait: StepWait; says: string } | null {
  const sinceMs = epochs.at(-1)?.sinceMs
  if (phase.kind !== 'running' || stage.kind !== 'canary' || phase.stage.kind !== 'canary' || sinceMs === undefined)
    return null
  const wait = stepWait({ ...look, minRequests: stage.minRequests, sinceMs })
  return wait === null ? null : { wait, says: waitText(wait, leftMs(stage, phase.stage, look.atMs)) }
}

type Running = Extract<Phase, { kind: 'running' }>

/** What is left of the time that a step, or a stage, lasts at least. */
function lastsMoreMs(plan: StagePlan, state: Running['stage'], atMs: number): number {
  if (plan.kind === 'canary' && state.kind === 'canary')
    return Math.max(0, (plan.steps[state.stepIndex]?.floorMs ?? 0) - (atMs - state.stepSinceMs))
  if ((plan.kind !== 'shadow' && plan.kind !== 'abTest') || (state.kind !== 'shadow' && state.kind !== 'abTest'))
    return 0
  if (state.sinceMs === null) return 0
  return Math.max(0, plan.floorMs - (atMs - state.sinceMs))
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
  if (wait.requestsPerMinute === 0) return 'the candidate gets no requests at present, so it will not end by itself'
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
