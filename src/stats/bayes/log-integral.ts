import { integrate } from '../numerics/quadrature.ts'

/** exp(-45) is below the rounding of what it is added to. */
const NEGLIGIBLE = 45

const STEPS_MAX = 2000

/**
 * The logarithm of the integral over the real line of exp(`logIntegrand`), for an integrand with one peak that falls off
 * at least exponentially: finite also where the integral underflows. `guess` is a place where the integrand is positive,
 * `scale` a length on which it changes there, `rounding` the relative error of the integrand itself.
 *
 * The peak is found by climbing. The trapezoidal rule between the ends converges exponentially for analytic integrands,
 * with steps of half a standard deviation mostly; where it does not (a step, a bend), panels that grow by powers of two
 * from the peak are halved until halving changes nothing.
 */
export function logIntegral({
  logIntegrand,
  guess,
  scale,
  rounding,
}: {
  logIntegrand: (u: number) => number
  guess: number
  scale: number
  rounding: number
}): number {
  const peak = climb(logIntegrand, guess, scale)
  const top = logIntegrand(peak)
  const f = (u: number) => Math.exp(logIntegrand(u) - top)
  // Both rules end at the rounding of the integrand, which grows with the size of its logarithm.
  const tolerance = 1e-14 + rounding + 4e-16 * Math.abs(top)
  const left = edgesFrom(f, peak, -1, scale)
  const right = edgesFrom(f, peak, 1, scale)
  const sum = trapezoid(f, left.at(-1) ?? peak, right.at(-1) ?? peak, tolerance)
  return top + Math.log(sum ?? byPanels(f, [...left.toReversed(), peak, ...right], tolerance))
}

const POINTS = 40
const DOUBLINGS = 4

/** The trapezoidal rule with 40 steps and as many more between them, until that changes nothing; or undefined. */
function trapezoid(f: (u: number) => number, low: number, high: number, tolerance: number): number | undefined {
  let points = POINTS
  let sum = 0
  for (let index = 1; index < points; index += 1) sum += f(low + ((high - low) * index) / points)
  for (let doubling = 0; doubling < DOUBLINGS; doubling += 1) {
    let between = 0
    for (let index = 0; index < points; index += 1) between += f(low + ((high - low) * (index + 0.5)) / points)
    // The mean of both rules is the finer one; they differ by twice what it changes.
    if (Math.abs(between - sum) <= tolerance * (between + sum)) return ((between + sum) * (high - low)) / points / 2
    sum += between
    points *= 2
  }
  return undefined
}

/** More panels than any integrand needs that is known as well as its caller says. */
const PANELS_MAX = 400

function byPanels(f: (u: number) => number, edges: readonly number[], tolerance: number): number {
  const waiting = edges.slice(1).map((high, index) => panelOf(f, edges[index] ?? high, high))
  const rough = waiting.reduce((sum, { value }) => sum + value, 0)
  let sum = 0
  let made = waiting.length
  for (let panel = waiting.pop(); panel !== undefined; panel = waiting.pop()) {
    const middle = (panel.low + panel.high) / 2
    const halves = [panelOf(f, panel.low, middle), panelOf(f, middle, panel.high)] as const
    const value = halves[0].value + halves[1].value
    made += 2
    if (Math.abs(value - panel.value) <= rough * tolerance || made > PANELS_MAX) sum += value
    else waiting.push(...halves)
  }
  return sum
}

function panelOf(f: (u: number) => number, low: number, high: number) {
  return { low, high, value: integrate(f, low, high, 1) }
}

/** The place of the greatest value, roughly: within a few hundredths of the width of the peak. */
function climb(logIntegrand: (u: number) => number, guess: number, scale: number): number {
  let best = { u: guess, value: logIntegrand(guess) }
  let step = scale
  for (let count = 0; count < STEPS_MAX; count += 1) {
    const moved = [best.u - step, best.u + step]
      .map(u => ({ u, value: logIntegrand(u) }))
      .reduce((one, other) => (other.value > one.value ? other : one))
    if (moved.value > best.value) {
      if (moved.value - best.value < 0.01) return moved.u
      best = moved
      step *= 2
      continue
    }
    // Neither side is higher: the peak is within one step, and flat enough if both sides are near in value.
    if (best.value - moved.value < 0.01) return best.u
    step /= 4
  }
  return best.u
}

/** Ends of panels on one side of the peak, the last where the integrand is negligible. */
function edgesFrom(f: (u: number) => number, peak: number, side: -1 | 1, scale: number): readonly number[] {
  const least = Math.exp(-NEGLIGIBLE)
  let width = scale
  while (f(peak + side * width) < 0.1) width /= 2
  while (f(peak + side * width) > 0.9) width *= 2
  const edges = [peak + side * width]
  for (let count = 0; count < STEPS_MAX && f(peak + side * width) > least; count += 1) {
    width *= 2
    edges.push(peak + side * width)
  }
  return edges
}
