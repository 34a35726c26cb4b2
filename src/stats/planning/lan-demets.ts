import { rootOfDecreasing } from '../numerics/monotone-root.ts'
import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'
import { checkAlpha, type Failure, invalid, type Result } from '../result.ts'
import { type Continuing, continueFrom, densityAt, probabilityAbove, start } from './crossing.ts'
import { checkFractions, checkSides, type Sides } from './group-sequential.ts'

/**
 * How the error probability is spent over the information: almost nothing early (`obrien-fleming`), about equally at
 * every look (`pocock`), or as a power of the fraction (`power`: 1 is near Pocock, 3 near O'Brien-Fleming).
 */
export type Spending =
  | { readonly kind: 'obrien-fleming' }
  | { readonly kind: 'pocock' }
  | { readonly kind: 'power'; readonly exponent: number }

/** One look of the plan. */
export type PlannedLook = {
  readonly fraction: number
  /** Stop if the statistic exceeds this many standard errors (two-sided: in absolute value). */
  readonly boundary: number
  /** The error probability spent up to here, on all sides. */
  readonly spent: number
  /** The p value that corresponds to the boundary alone, on as many sides. */
  readonly nominalAlpha: number
}

/**
 * Plans boundaries for a test that is looked at on a schedule, so that the probability to cross any of them without an
 * effect is alpha altogether.
 *
 * @use Where looks are few and their number of units is known in advance: it needs clearly fewer units than a method that
 * is valid at all times. Looks may be moved, as long as not for what the data show; boundaries of looks passed do not
 * change. Not for watching continuously.
 * @assumes The statistic is a normal sum of independent increments (as `exitProbabilities`); the fraction at a look is its
 * information over that planned for the end (units over planned units).
 * @formula With a = alpha / sides spent on each side: O'Brien-Fleming type a(t) = 2 - 2 Phi(z_{a/2} / sqrt(t)); Pocock
 * type a(t) = a log(1 + (e - 1) t); power family a(t) = a t^exponent. Boundary k solves P(no crossing before k, Z_k > b) =
 * a(t_k) - a(t_{k-1}), by the recursion of `exitProbabilities`.
 * @source Lan & DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70, 1983; Kim & DeMets,
 * Biometrika 74, 1987 (power family); Jennison & Turnbull, 2000, chapters 7 and 19.
 * @degenerate As `exitProbabilities`. A look that spends less than 1e-268 has boundary 35. If the last fraction is below 1
 * part of alpha stays unspent.
 */
export function spendingBoundaries({
  fractions,
  alpha,
  sides,
  spending,
}: {
  fractions: readonly number[]
  alpha: number
  sides: Sides
  spending: Spending
}): Result<{ looks: readonly PlannedLook[] }> {
  const bad = checkAlpha(alpha) ?? checkSides(sides) ?? checkFractions(fractions) ?? checkSpending(spending)
  if (bad !== undefined) return bad
  const looks: PlannedLook[] = []
  let before: Continuing = start
  let spentOnSide = 0
  for (const [index, fraction] of fractions.entries()) {
    const total = spentAt(fraction, alpha / sides, spending)
    const boundary = boundaryFor(before, fraction, total - spentOnSide)
    spentOnSide = total
    const nominalAlpha = sides * Math.exp(logNormalSurvival(boundary))
    looks.push({ fraction, boundary, spent: sides * total, nominalAlpha })
    const lower = sides === 2 ? -boundary : Number.NEGATIVE_INFINITY
    const next = fractions[index + 1]
    if (next !== undefined) before = continueFrom(before, { fraction, next }, { lower, upper: boundary }, 0)
  }
  return { ok: true, looks }
}

/** The error probability of one side that may be spent up to an information fraction. */
function spentAt(fraction: number, alpha: number, spending: Spending): number {
  if (spending.kind === 'pocock') return alpha * Math.log1p((Math.E - 1) * fraction)
  if (spending.kind === 'power') return alpha * fraction ** spending.exponent
  return 2 * Math.exp(logNormalSurvival(-normalQuantile(alpha / 2) / Math.sqrt(fraction)))
}

/** The smallest normal tail that is told from 0. */
const BOUNDARY_MAX = 35

/** Below this no look of a plan has its boundary. */
const BOUNDARY_MIN = -10

function boundaryFor(before: Continuing, fraction: number, probability: number): number {
  if (!(probability > Math.exp(logNormalSurvival(BOUNDARY_MAX)))) return BOUNDARY_MAX
  // The whole tail beyond the boundary is at least that reached without crossing before.
  const high = -normalQuantile(probability)
  if (before.fraction === 0) return high
  const target = Math.log(probability)
  return rootOfDecreasing(
    boundary => {
      const above = probabilityAbove(before, fraction, boundary, 0)
      return { value: Math.log(above) - target, slope: -densityAt(before, fraction, boundary, 0) / above }
    },
    BOUNDARY_MIN,
    high + 1e-6,
  )
}

/** Powers beyond these spend everything at the first look or at the last. */
const EXPONENT_MAX = 100

function checkSpending(spending: Spending): Failure | undefined {
  if (spending.kind === 'obrien-fleming' || spending.kind === 'pocock') return undefined
  if (spending.kind !== 'power')
    return invalid(
      `the spending is ${JSON.stringify(spending)}; its kind must be 'obrien-fleming', 'pocock' or 'power'`,
    )
  if (spending.exponent > 0 && spending.exponent <= EXPONENT_MAX) return undefined
  return invalid(`the exponent is ${spending.exponent}; it must be greater than 0 and at most ${EXPONENT_MAX}`)
}
