/** In which epochs answers are paired, and how: what evidence has to know of a stage with challengers. */
import type { Comparator } from './stage-plans.ts'
import type { ReleaseState } from './state.ts'

export type Pairing = {
  champion: string
  comparator: Comparator
  /** How many disagreements are kept. */
  examples: number
  /** The first epoch of the stage: a unit counts once in a stage, however many epochs it is met in. */
  firstEpoch: number
}

/** Null outside of a stage that copies requests. */
export function pairingOf(release: ReleaseState | undefined, epoch: number): Pairing | null {
  const noted = release?.epochs.findLast(one => one.epoch === epoch)
  if (release === undefined || noted === undefined) return null
  const stageIndex = noted.stageIndex ?? 0
  const stage = release.plan.stages[stageIndex]
  if (stage?.kind !== 'shadow') return null
  const first = release.epochs.find(one => (one.stageIndex ?? 0) === stageIndex)
  return {
    champion: release.plan.from,
    comparator: stage.comparator ?? { kind: 'label' },
    examples: stage.examples,
    firstEpoch: first?.epoch ?? epoch,
  }
}
