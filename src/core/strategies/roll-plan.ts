/**
 * How a roll goes: batches that start some instances of the rising version, move traffic to them and end the falling
 * version's share of instances, within two bounds. With `most` the greater and `least` the smaller of what the two
 * versions declare, never more than `most + surge` instances run, and never fewer than `least - unavailable` are
 * available, nor none at all. The same plan with the sides exchanged is the way back.
 */
import { limits } from '../limits.ts'
import type { Amount, RollingPlan } from '../stage-plans.ts'
import type { FleetStep, Side, Sizes } from './fleet-steps.ts'

export type RollBounds = {
  /** Instances that each version declares. */
  whole: Sizes
  surge: number
  unavailable: number
}

/** Shares are of the candidate's instances: a surge is rounded up, unavailable ones down, one of the two is at least 1; as Kubernetes does it. */
export function boundsOf(plan: Pick<RollingPlan, 'maxSurge' | 'maxUnavailable'>, whole: Sizes): RollBounds {
  const surge = amountOf(plan.maxSurge, whole.candidate, Math.ceil)
  const unavailable = amountOf(plan.maxUnavailable, whole.candidate, Math.floor)
  return { whole, surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable }
}

function amountOf(amount: Amount, whole: number, round: (share: number) => number): number {
  return 'count' in amount ? amount.count : round((amount.ppm * whole) / limits.ppmTotal)
}

/** Why fleets of these sizes cannot be rolled, as a sentence; null if they can. */
export function rollRefusal(bounds: RollBounds): string | null {
  if (mostOf(bounds) >= 2) return null
  return 'one instance without a surge can only be replaced with a gap: allow max-surge: 1, or use recreate'
}

function mostOf({ whole, surge }: RollBounds): number {
  return Math.max(whole.stable, whole.candidate) + surge
}

function leastOf({ whole, unavailable }: RollBounds): number {
  return Math.max(1, Math.min(whole.stable, whole.candidate) - unavailable)
}

/** Sizes before and after the batch's instances start: what must end first, and what ends afterwards. */
type Batch = { rising: number; fallingBefore: number; fallingAfter: number }

/** The largest batch within the bounds; null if none is. */
function batchOf(bounds: RollBounds, sizes: Sizes, rising: Side): Batch | null {
  const falling = otherSide(rising)
  const [whole, start] = [bounds.whole[rising], bounds.whole[falling]]
  const [up, down] = [sizes[rising], sizes[falling]]
  for (let count = Math.min(whole - up, bounds.surge + bounds.unavailable); count > 0; count -= 1) {
    const after = up + count
    const fallingBefore = Math.min(down, mostOf(bounds) - after)
    if (fallingBefore < 0 || up + fallingBefore < Math.min(up + down, leastOf(bounds))) continue
    const share = Math.ceil((start * (whole - after)) / whole)
    return { rising: after, fallingBefore, fallingAfter: Math.min(fallingBefore, share) }
  }
  return null
}

function otherSide(side: Side): Side {
  return side === 'stable' ? 'candidate' : 'stable'
}

/** The candidate's share of the traffic with so many instances of each. */
export function shareOf({ stable, candidate }: Sizes): number {
  return stable + candidate === 0 ? 0 : Math.round((limits.ppmTotal * candidate) / (stable + candidate))
}

/**
 * The next batch towards the candidate, whose share is never lowered below the present one; null if none fits. The last
 * batch leaves the old version's end to the promotion.
 */
export function batchForward(bounds: RollBounds, sizes: Sizes, presentPpm: number): FleetStep[] | null {
  const { whole } = bounds
  const weigh = (by: Sizes): FleetStep => ({ do: 'weigh', candidatePpm: Math.max(presentPpm, shareOf(by)) })
  if (sizes.candidate >= whole.candidate) return [weigh(sizes), { do: 'prove', promotes: true }, passed]
  const batch = batchOf(bounds, sizes, 'candidate')
  if (batch === null) return null
  const { rising, fallingBefore, fallingAfter } = batch
  const first = endFirst(sizes, { stable: fallingBefore, candidate: sizes.candidate }, 'stable', weigh)
  const grow: FleetStep = { do: 'resize', side: 'candidate', instances: rising }
  const isLast = rising === whole.candidate
  // They take at once what will be theirs when the old ones have gone, but the last of these is not left without traffic yet.
  const served = { candidate: rising, stable: isLast ? fallingBefore : fallingAfter }
  if (isLast) return [...first, grow, weigh(served), { do: 'prove', promotes: true }, passed]
  const after = { candidate: rising, stable: fallingAfter }
  return [
    ...first,
    grow,
    weigh(served),
    { do: 'prove', promotes: endsStableNext(bounds, after) },
    ...shrink(fallingBefore, after, 'stable'),
  ]
}

const passed: FleetStep = { do: 'pass', reason: 'all instances of the new version serve' }

/** Without a surge the last of the old instances makes room for the last new one: that batch is begun like a promotion. */
function endsStableNext(bounds: RollBounds, sizes: Sizes): boolean {
  return batchOf(bounds, sizes, 'candidate')?.fallingBefore === 0
}

/** The next batch back to the stable version; the candidate's share is never raised. Where no bound fits capacity comes first. */
export function batchBack(bounds: RollBounds, sizes: Sizes, presentPpm: number): FleetStep[] {
  const { whole } = bounds
  const weigh = (by: Sizes): FleetStep => ({ do: 'weigh', candidatePpm: Math.min(presentPpm, shareOf(by)) })
  if (sizes.stable >= whole.stable) return [{ do: 'return' }]
  const batch = batchOf(bounds, sizes, 'stable')
  if (batch === null) return [{ do: 'resize', side: 'stable', instances: whole.stable }, { do: 'return' }]
  const { rising, fallingBefore, fallingAfter } = batch
  const first = endFirst(sizes, { candidate: fallingBefore, stable: sizes.stable }, 'candidate', weigh)
  const grow: FleetStep = { do: 'resize', side: 'stable', instances: rising }
  if (rising === whole.stable) return [...first, grow, { do: 'return' }]
  const after = { candidate: fallingAfter, stable: rising }
  return [...first, grow, weigh(after), ...shrink(fallingBefore, after, 'candidate')]
}

/** Traffic leaves instances before they do. */
function endFirst(now: Sizes, then: Sizes, side: Side, weigh: (by: Sizes) => FleetStep): FleetStep[] {
  return now[side] === then[side] ? [] : [weigh(then), { do: 'resize', side, instances: then[side] }]
}

function shrink(before: number, after: Sizes, side: Side): FleetStep[] {
  return before === after[side] ? [] : [{ do: 'resize', side, instances: after[side] }]
}

/** Batches and changes of weights of a whole roll that nothing stops, and the candidate's share of the traffic in each batch. */
export function lengthOf(bounds: RollBounds): { batches: number; epochs: number; sharesPpm: readonly number[] } {
  const sharesPpm: number[] = []
  let sizes: Sizes = { stable: bounds.whole.stable, candidate: 0 }
  let [batches, epochs, weight] = [0, 0, 0]
  while (sizes.candidate < bounds.whole.candidate) {
    const steps = batchForward(bounds, sizes, weight)
    if (steps === null) break
    batches += 1
    for (const step of steps) {
      if (step.do === 'resize') sizes = { ...sizes, [step.side]: step.instances }
      if (step.do !== 'weigh' || step.candidatePpm === weight) continue
      weight = step.candidatePpm
      epochs += 1
    }
    sharesPpm.push(weight)
  }
  return { batches, epochs, sharesPpm }
}
