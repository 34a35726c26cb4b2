import type { Slope } from '../numerics/monotone-root.ts'
import { deviance } from '../numerics/special.ts'
import type { Outcomes } from './bernoulli-mixture.ts'

/** By how much, in nats, the divergence may exceed its minimum when the search stops. */
const TOLERANCE = 1e-13
/** Newton's method needs about five steps, bisection alone about 60, and 1100 to exhaust a double. */
const MAX_STEPS = 1100

/** Two arms whose rates are to satisfy p_first = p_second + delta. */
type Pair = { readonly first: Outcomes; readonly second: Outcomes; readonly delta: number }

/** Both rates with their complements, which are kept apart because one rounds away next to the other. */
type Rates = {
  readonly first: number
  readonly notFirst: number
  readonly second: number
  readonly notSecond: number
}

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
  if (first.events / first.trials - second.events / second.trials <= delta) return { value: 0, slope: 0 }
  // The search runs over the smaller rate, or over the smaller of the complements if those are nearer to 0.
  const direct = { first, second, delta }
  const mirrored = { first: complement(second), second: complement(first), delta }
  const middle = (1 - Math.abs(delta)) / 2
  const pair = gradientAt(direct, ratesAt(delta, middle)) >= 0 ? direct : mirrored
  const rates = ratesAt(delta, leastDivergent(pair, middle))
  const value =
    deviance(pair.first.events, pair.first.trials * rates.first) +
    deviance(pair.first.trials - pair.first.events, pair.first.trials * rates.notFirst) +
    deviance(pair.second.events, pair.second.trials * rates.second) +
    deviance(pair.second.trials - pair.second.events, pair.second.trials * rates.notSecond)
  return { value, slope: Math.min(0, slopeAt(pair, rates)) }
}

function complement({ events, trials }: Outcomes): Outcomes {
  return { events: trials - events, trials }
}

/** The rates on the line when the smaller of them is x. */
function ratesAt(delta: number, x: number): Rates {
  const gap = Math.abs(delta)
  const rest = 1 - gap - x
  if (delta >= 0) return { first: x + gap, notFirst: rest, second: x, notSecond: rest + gap }
  return { first: x, notFirst: rest + gap, second: x + gap, notSecond: rest }
}

/** The smaller rate, up to `middle`, at which the sum of both divergences is least. */
function leastDivergent(pair: Pair, middle: number): number {
  const { first, second, delta } = pair
  const firstGap = Math.max(0, delta)
  const secondGap = Math.max(0, -delta)
  let left = Math.max(0, second.events / second.trials - secondGap)
  let right = Math.min(middle, first.events / first.trials - firstGap)
  const surplus = first.events - first.trials * firstGap + second.events - second.trials * secondGap
  const pooled = surplus / (first.trials + second.trials)
  let x = pooled > left && pooled < right ? pooled : (left + right) / 2
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const rates = ratesAt(delta, x)
    const gradient = gradientAt(pair, rates)
    if (gradient === 0) return x
    if (gradient < 0) left = x
    else right = x
    const curvature =
      information(first, rates.first, rates.notFirst) + information(second, rates.second, rates.notSecond)
    const newton = x - gradient / curvature
    const inside = newton > left && newton < right
    if (inside && gradient * gradient <= 2 * TOLERANCE * curvature) return newton
    const next = inside ? newton : (left + right) / 2
    if (next === left || next === right) return next
    x = next
  }
  return x
}

function gradientAt({ first, second }: Pair, rates: Rates): number {
  return score(first, rates.first, rates.notFirst) + score(second, rates.second, rates.notSecond)
}

/**
 * The derivative of the least divergence in delta. At an optimum inside the range both arms pull equally; where one of
 * them sits at the end of its range, the other one alone decides.
 */
function slopeAt({ first, second }: Pair, rates: Rates): number {
  const one = score(first, rates.first, rates.notFirst)
  const other = -score(second, rates.second, rates.notSecond)
  return Math.abs(one) < Math.abs(other) ? one : other
}

/** The derivative of an arm's divergence in its rate p. An outcome that never happened has no share in it. */
function score({ events, trials }: Outcomes, p: number, notP: number): number {
  const failures = trials - events
  return (failures === 0 ? 0 : failures / notP) - (events === 0 ? 0 : events / p)
}

/** The second derivative. */
function information({ events, trials }: Outcomes, p: number, notP: number): number {
  const failures = trials - events
  return (failures === 0 ? 0 : failures / (notP * notP)) + (events === 0 ? 0 : events / (p * p))
}
