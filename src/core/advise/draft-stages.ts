/** Each strategy with the parameters that fit the situation, by the keys of the YAML files. */
import { assertNever } from '../errors.ts'
import type { StageKind } from '../stage-plans.ts'
import { marginOf, replays } from './choices.ts'
import { durationText, percentText, pointsText } from './quantity.ts'
import { pairsSample } from './samples.ts'
import { accuracyOf, type Situation } from './situation.ts'

type Place = { kind: StageKind; before: readonly StageKind[]; to: string }

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

export function stageDraft(situation: Situation, place: Place): Readonly<Record<string, object>> {
  return { [place.kind]: parametersOf(situation, place) }
}

function parametersOf(situation: Situation, { kind, before, to }: Place): object {
  // Of several candidates a comparison before this stage has chosen one.
  const candidates = before.length > 0 ? [to] : situation.candidates.value
  switch (kind) {
    case 'recreate':
      return { hold: '30s' }
    case 'rolling':
      return rollingDraft(situation, to)
    case 'blueGreen':
      return blueGreenDraft(situation)
    case 'canary':
      return canaryDraft(situation)
    case 'shadow':
      return shadowDraft(situation)
    case 'abTest':
      return testDraft(situation, { candidates, isChosen: before.length > 0 })
    case 'bandit':
      return banditDraft(situation)
    default:
      return assertNever(kind)
  }
}

/** With a surge of one where there is room for it; otherwise one instance less serves meanwhile. */
function rollingDraft({ spec, stable, capacity, requestsPerSecond }: Situation, to: string): object {
  const larger = Math.max(spec.versions[stable]?.instances ?? 1, spec.versions[to]?.instances ?? 1)
  const hasRoom = capacity.value === null || capacity.value > larger
  return {
    'max-surge': hasRoom ? 1 : 0,
    'max-unavailable': hasRoom ? 0 : 1,
    ...(requestsPerSecond.value !== 0 && { 'min-requests': requestsPerStep }),
  }
}

const requestsPerStep = 100

function blueGreenDraft(situation: Situation): object {
  const watchMs = Math.min(hourMs, Math.max(5 * minuteMs, timeFor(situation, watchRequests, 1)))
  return {
    ...(canReplay(situation) && { replay: { requests: 500, agreement: percentText(replayAgreement) } }),
    after: durationText(watchMs),
    watch: durationText(watchMs),
    keep: durationText(Math.max(15 * minuteMs, 2 * watchMs)),
  }
}

export const replayAgreement = 0.95
const watchRequests = 2_000

function canReplay({ spec, idempotent }: Situation): boolean {
  return idempotent.value && spec.payloadSamplePpm > 0
}

/** The smallest first step whose evidence does not take too long; with unknown traffic the smallest. */
function canaryDraft(situation: Situation): object {
  const patienceMs = Math.min(6 * hourMs, (situation.withinMs.value ?? Number.POSITIVE_INFINITY) / 8)
  const first = ladder.find(share => timeFor(situation, requestsOfStep, share) <= patienceMs) ?? ladder.at(-1) ?? 1
  const steps = ladder.filter(share => share >= first).map(percentText)
  const slowestMs = timeFor(situation, requestsOfStep, first)
  const ceilingMs = Math.min(30 * dayMs, Math.max(dayMs, 2 * slowestMs))
  return { steps: [...steps], 'at-most': durationText(Math.min(ceilingMs, situation.withinMs.value ?? ceilingMs)) }
}

const ladder = [0.01, 0.05, 0.25, 0.5]
/** What bounds the 95 % quantile of latency in one step, about. */
const requestsOfStep = 500

function shadowDraft(situation: Situation): object {
  const { candidates, spec, withinMs } = situation
  const isReplay = replays(situation)
  const accuracy = accuracyOf(spec)
  const isLabelled = !isReplay && accuracy !== null && situation.wrongRate.value !== null
  const margin = marginOf(situation, 'accuracy')
  const unlabelled = isReplay ? 500 : 1_000
  const needed = isLabelled ? pairsSample({ discordance: situation.discordance.value, margin }).needed : unlabelled
  const pairs = Math.min(pairsMax, needed)
  const bodies = isReplay ? spec.payloadSamplePpm / 1_000_000 : 1
  const ceilingMs = Math.min(30 * dayMs, Math.max(dayMs, 2 * timeFor(situation, pairs, bodies)))
  return {
    challengers: [...candidates.value],
    ...(isReplay && { mode: 'replay' }),
    until: { pairs, 'at-most': durationText(Math.min(ceilingMs, withinMs.value ?? ceilingMs)) },
    ...(isLabelled && { goal: { metric: accuracy, 'no-worse-than': pointsText(margin) } }),
    ...(!isReplay && situation.expensive.value && { budget: { concurrency: 8 } }),
  }
}

const pairsMax = 10_000_000

/** Whole weeks where there is time for them. A missing goal is named as it would have to be: the plan is refused for it. */
function testDraft(
  { goal, withinMs }: Situation,
  { candidates, isChosen }: { candidates: readonly string[]; isChosen: boolean },
): object {
  const atMostMs = withinMs.value ?? 28 * dayMs
  const count = isChosen ? 1 : candidates.length
  const { metric, improve, effect } = goal.value ?? { metric: 'conversion', improve: 'increase', effect: '5%' }
  return {
    ...(!isChosen && { variants: [...candidates] }),
    split: percentText(count / (count + 1)),
    goal: { metric, improve, 'minimum-effect': effect },
    ...(atMostMs >= 14 * dayMs && { for: '7d' }),
    'at-most': durationText(atMostMs),
  }
}

/** Weights follow rewards no faster than these come, and no more often than a bandit may change them. */
function banditDraft({ stable, candidates, goal, withinMs, goalDelayMs }: Situation): object {
  const atMostMs = withinMs.value ?? 7 * dayMs
  const slowMs = Math.max(15 * minuteMs, Math.min(goalDelayMs.value, atMostMs / 10))
  const updateMs = Math.max(atMostMs / 500, Math.min(slowMs, atMostMs / 4))
  return {
    arms: [stable, ...candidates.value],
    reward: { metric: goal.value?.metric ?? 'reward' },
    update: durationText(updateMs),
    'at-most': durationText(atMostMs),
  }
}

/** Until so many requests have come to this share of the traffic; 0 where the traffic is not known. */
function timeFor({ requestsPerSecond }: Situation, requests: number, share: number): number {
  const rate = requestsPerSecond.value
  if (rate === null) return 0
  return rate === 0 ? 30 * dayMs : (requests * 1_000) / (rate * share)
}
