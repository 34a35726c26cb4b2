/** The weights that a bandit's numbers ask for. Pure: the record of a decision gives the same weights again. */
import type { BanditNumbers } from '../judge/judgement.ts'
import type { BanditPlan } from '../stage-plans.ts'
import type { Weights } from '../traffic.ts'
import { allocate } from './allocate.ts'
import { weightsFrom } from './weights.ts'

/**
 * Arms with too few rewards get an even share each; the others divide theirs by the policy. So a race begins evenly, and
 * an arm that joins later takes only its own share, from all in proportion.
 */
export function nextWeights(plan: BanditPlan, { arms }: Pick<BanditNumbers, 'arms'>): Weights {
  const isKnown = arms.map(({ rewards }) => rewards >= plan.minRewards)
  const known = arms.filter((_, index) => isKnown[index])
  const shares = known.length === 0 ? [] : allocate(plan, known)
  let next = 0
  const probabilities = isKnown.map(isOne => {
    if (!isOne) return 1 / arms.length
    const share = shares[next] ?? 0
    next += 1
    return share * (known.length / arms.length)
  })
  return weightsFrom(
    arms.map(({ version }) => version),
    probabilities,
    plan.floorPpm,
  )
}
