/** What an operator may say to a release as it stands. */
import { assertNever } from '../errors.ts'
import type { OperatorVerb } from '../event.ts'
import { gateText, shutGate } from '../flags/flag-gates.ts'
import { freezeReason } from '../freeze.ts'
import { type StagePlan, stageAt } from '../stage-plans.ts'
import { candidateOf, type ReleaseState } from '../state.ts'
import { hasSteps, promotionRefusal, type StageState } from '../strategies/table.ts'
import { gateAwaited } from './gates.ts'

/** What an operator says; `step` goes with `promote`. */
export type Word = { verb: OperatorVerb; step?: true }

/** Why the verb cannot be used now, as a sentence; null if it can. */
export function refusalOf(release: ReleaseState, word: Word, atMs: number): string | null {
  const { phase, plan } = release
  const at = `release ${release.id} is ${phase.kind}`
  const isForward = word.verb === 'promote' || word.verb === 'approve'
  const frozen = isForward ? freezeReason(plan.freeze ?? [], atMs) : null
  if (phase.kind === 'running' && frozen !== null) return `release ${release.id} is ${frozen}`
  const gate = isForward && phase.kind === 'running' ? shutGate(release, phase.stageIndex) : null
  if (gate !== null) return `release ${release.id} waits until ${gateText(gate)}; switch that on, or abort`
  switch (word.verb) {
    case 'pause':
      return phase.kind === 'running' && !phase.paused
        ? null
        : `${at}${phase.kind === 'running' ? ' and paused already' : ''}; only a running release can be paused`
    case 'resume':
      return phase.kind === 'running' && (phase.paused || phase.hold !== null)
        ? null
        : `${at}; only a paused or holding release can be resumed`
    case 'approve':
      if (phase.kind === 'running' && phase.paused) return `${at} and paused; resume it before you approve`
      return (phase.kind === 'running' && phase.hold?.cause === 'approval') || gateAwaited(release) !== null
        ? null
        : `${at} and waits for no approval`
    case 'promote':
      return phase.kind === 'running'
        ? promotionRefused(stageAt(plan.stages, phase.stageIndex), phase.stage, candidateOf(release), word)
        : `${at}; only a running release can be promoted`
    case 'abort':
    case 'rollback':
      return (phase.kind === 'returning' && !returnsInSteps(release)) ||
        phase.kind === 'promoted' ||
        phase.kind === 'rolled-back'
        ? `${at}; ${phase.kind === 'promoted' ? `release ${release.plan.from} again to go back` : 'there is nothing to take back'}`
        : null
    default:
      return assertNever(word.verb)
  }
}

/** On a way back in steps, which an operator can cut short. */
export function returnsInSteps({ phase, plan }: ReleaseState): boolean {
  return (
    phase.kind === 'returning' && phase.awaiting === 'stage' && hasSteps(stageAt(plan.stages, phase.stageIndex ?? 0))
  )
}

function promotionRefused(stagePlan: StagePlan, stage: StageState, candidate: string, { step }: Word): string | null {
  if (step !== true) return promotionRefusal(stagePlan, stage, candidate)
  return hasSteps(stagePlan) ? null : `${stagePlan.kind} has no steps to be promoted by; promote it as a whole`
}
