/** A stage in a few words: as it is planned, and where a release stands in it. */
import type { WirePlan } from '../wire/plan.ts'
import type { WireReleaseSummary } from '../wire/release.ts'
import { duration, percent } from './quantities.ts'

type Stage = WirePlan['stages'][number]

export function stageWords(stage: Stage): string {
  const { kind, steps, control, holdMs, maxSurge, maxUnavailable, challengers, pairs } = stage
  const words = [
    steps?.map(step => `${percent(step.weightPpm)}${step.approve === true ? ' until approved' : ''}`).join(', '),
    control === undefined ? undefined : 'beside a control of equal size',
    holdMs === undefined ? undefined : holdMs > 0 ? `holding callers up to ${duration(holdMs)}` : 'refusing callers',
    maxSurge === undefined ? undefined : `max-surge ${amountText(maxSurge)}`,
    maxUnavailable === undefined ? undefined : `max-unavailable ${amountText(maxUnavailable)}`,
    challengers?.join(', '),
    pairs === undefined ? undefined : `${pairs} pairs`,
  ]
  return [kind, words.filter(word => word !== undefined).join(', ')].join(' ').trim()
}

function amountText(amount: NonNullable<Stage['maxSurge']>): string {
  return 'count' in amount ? String(amount.count) : percent(amount.ppm)
}

export function stageText({ stage, phase }: WireReleaseSummary): string {
  if (stage === null) return phase
  const step = stage.step === null ? '' : ` step ${stage.step + 1}/${stage.steps}`
  return `${stage.kind}${step}${stage.count > 1 ? `, stage ${stage.index + 1}/${stage.count}` : ''}`
}
