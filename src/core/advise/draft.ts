/** The release document of a plan, as a person would write it for this situation: what it does not say has its default. */
import { marginOf, replays } from './choices.ts'
import { stageDraft } from './draft-stages.ts'
import type { Option } from './options.ts'
import { durationText, pointsText } from './quantity.ts'
import { accuracyOf, type Situation } from './situation.ts'

/** A Release document by the keys of the YAML files. Plain data. */
export type ReleaseDraft = {
  kind: 'Release'
  endpoint: string
  to: string
  guardrails: Readonly<Record<string, { margin: string }>>
  stages: readonly Readonly<Record<string, object>>[]
  match?: readonly object[]
  probation?: string
}

const hourMs = 3_600_000
/** Beyond it the old version is no longer kept for late labels. */
const probationMaxMs = 7 * 24 * hourMs

/** Null where there is no version to release. */
export function draftOf(situation: Situation, option: Option): ReleaseDraft | null {
  const { spec, candidates, groups } = situation
  const [to] = candidates.value
  if (to === undefined) return null
  const keepMs = probationMs(situation, option)
  return {
    kind: 'Release',
    endpoint: spec.name,
    to,
    ...(groups.value.length > 0 && { match: groups.value }),
    guardrails: guardrailsOf(situation, option),
    stages: option.map((kind, index) => stageDraft(situation, { kind, before: option.slice(0, index), to })),
    ...(keepMs > 0 && { probation: durationText(keepMs) }),
  }
}

function guardrailsOf(situation: Situation, option: Option): ReleaseDraft['guardrails'] {
  const { spec, harm, wrongRate } = situation
  const accuracy = accuracyOf(spec)
  const hasLabels = wrongRate.value !== null || harm.value.metric === 'accuracy'
  const isReplay = option.at(-1) === 'shadow' && replays(situation)
  return {
    'error-rate': { margin: pointsText(marginOf(situation, 'error-rate')) },
    ...(!isReplay && { 'latency-p95': { margin: '30%' } }),
    ...(!isReplay &&
      accuracy !== null &&
      hasLabels && { [accuracy]: { margin: pointsText(marginOf(situation, 'accuracy')) } }),
  }
}

/** Until late labels have come; blue-green keeps the old version itself, and a roll or a recreation has none left. */
function probationMs({ expensive, labelDelayMs }: Situation, option: Option): number {
  const last = option.at(-1)
  if (last === 'blueGreen' || last === 'rolling' || last === 'recreate' || expensive.value) return 0
  return Math.min(probationMaxMs, Math.max(hourMs, labelDelayMs.value))
}
