/** What an operator's word does to a release. */
import { assertNever } from '../errors.ts'
import { stageAt } from '../stage-plans.ts'
import { keepMsOf } from '../strategies/table.ts'
import { type Draft, setPhase } from './draft.ts'
import { gateAwaited } from './gates.ts'
import { promote, promoteWhenFree } from './promotion.ts'
import { leaveQueue } from './queue.ts'
import { refusalOf, returnsInSteps, type Word } from './refusals.ts'
import { advance, beginReturn, passGate, stepStaged } from './stages.ts'
import { keptOnResume } from './waits.ts'

export function operated(draft: Draft, word: Word & { actor: string; note: string | null }, atMs: number): Draft {
  if (refusalOf(draft.release, word, atMs) !== null) return draft
  const phase = draft.release.phase
  const reason = `${word.verb} by ${word.actor}${word.note === null ? '' : `: ${word.note}`}`
  switch (word.verb) {
    case 'pause':
      return phase.kind === 'running' ? setPhase(draft, { ...phase, paused: true }) : draft
    case 'resume':
      return phase.kind === 'running'
        ? setPhase(draft, { ...phase, paused: false, hold: keptOnResume(phase.hold) })
        : draft
    case 'approve': {
      const awaited = gateAwaited(draft.release)
      return awaited === null ? stepStaged(draft, { type: 'approved', atMs }) : passGate(draft, awaited, atMs)
    }
    case 'promote':
      return word.step === true ? advance(draft, atMs) : promoteByHand(draft, atMs)
    case 'abort':
    case 'rollback':
      if (phase.kind === 'queued') return leaveQueue(draft, reason, atMs)
      return returnsInSteps(draft.release) ? advance(draft, atMs) : beginReturn(draft, 'operator', reason, atMs)
    default:
      return assertNever(word.verb)
  }
}

/** In a group it is this release's yes: the others are waited for. */
function promoteByHand(draft: Draft, atMs: number): Draft {
  const keepMs = keptByWord(draft)
  if (draft.release.members === undefined) return promote(draft, atMs, keepMs)
  return promoteWhenFree(draft, keepMs === undefined ? {} : { keepMs }, atMs)
}

/** What the running stage keeps warm although it has not passed; undefined if nothing. */
function keptByWord({ release: { phase, plan } }: Draft): number | undefined {
  const keepMs = phase.kind === 'running' ? keepMsOf(stageAt(plan.stages, phase.stageIndex)) : 0
  return keepMs > 0 ? keepMs : undefined
}
