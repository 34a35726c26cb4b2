import type { Outcomes } from './bernoulli-mixture.ts'
import type { Slope } from './monotone-root.ts'
import { binomialDivergence } from './special.ts'

/** What the Newton step may still change in the divergence when the minimisation stops. */
const TOLERANCE = 1e-13
/** Newton's method needs about five steps, bisection alone about 60. */
const MAX_STEPS = 200

/**
 * How far the outcomes of two arms are from the nearest pair of rates whose difference `first - second` is at most
 * `delta`: the minimum over p_first <= p_second + delta of the two arms' binomial divergences, in nats, with its
 * derivative in `delta`. It is 0 when the observed rates satisfy the bound or when an arm has no trials.
 *
 * The divergence is convex and its minimum over the constraint lies on the line p_first = p_second + delta, between
 * the observed rate of the second arm and that of the first. There Newton's method, halving the bracket whenever a
 * step leaves it, finds it. Requires -1 < delta < 1.
 */
export function divergenceFromDifference(first: Outcomes, second: Outcomes, delta: number): Slope {
  if (first.trials === 0 || second.trials === 0) return { value: 0, slope: 0 }
  const firstRate = first.events / first.trials
  const secondRate = second.events / second.trials
  if (firstRate - secondRate <= delta) return { value: 0, slope: 0 }
  const low = Math.max(secondRate, -delta)
  const high = Math.min(firstRate - delta, 1)
  const p = nearestRate(first, second, delta, low, high)
  const q = within(p + delta)
  const value =
    binomialDivergence(first.events, first.trials - first.events, q) +
    binomialDivergence(second.events, second.trials - second.events, p)
  // At the optimum the two arms pull equally; where one of them is at the end of its range, the other one decides.
  const slope = p > low ? -score(second, p) : score(first, q)
  return { value, slope: Number.isFinite(slope) ? slope : 0 }
}

/** The rate of the second arm between `low` and `high` that minimises the sum of both divergences. */
function nearestRate(first: Outcomes, second: Outcomes, delta: number, low: number, high: number): number {
  const pooled = (first.events + second.events - first.trials * delta) / (first.trials + second.trials)
  let left = low
  let right = high
  let p = pooled > low && pooled < high ? pooled : (low + high) / 2
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const q = within(p + delta)
    const gradient = score(first, q) + score(second, p)
    if (gradient === 0) return p
    if (gradient < 0) left = p
    else right = p
    const curvature = information(first, q) + information(second, p)
    const newton = p - gradient / curvature
    if (gradient * gradient <= 2 * TOLERANCE * curvature && newton >= low && newton <= high) return newton
    const next = newton > left && newton < right ? newton : (left + right) / 2
    if (next === left || next === right) return next
    p = next
  }
  return p
}

/** The derivative of an arm's divergence in its rate. An outcome that never happened has no share in it. */
function score({ events, trials }: Outcomes, p: number): number {
  const failures = trials - events
  return (failures === 0 ? 0 : failures / (1 - p)) - (events === 0 ? 0 : events / p)
}

/** The second derivative. */
function information({ events, trials }: Outcomes, p: number): number {
  const failures = trials - events
  return (failures === 0 ? 0 : failures / ((1 - p) * (1 - p))) + (events === 0 ? 0 : events / (p * p))
}

function within(p: number): number {
  return Math.min(Math.max(p, 0), 1)
}
