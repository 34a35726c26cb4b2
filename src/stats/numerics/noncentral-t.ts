/** The noncentral t distribution by quadrature. It throws a RangeError outside its domain, as `special.ts` does. */
import { integrate } from './quadrature.ts'
import { logNormalSurvival, stirlingError } from './special.ts'

const HALF_LOG_TWO_PI = 0.9189385332046728

/** exp(-40) is below the rounding of any probability that is not itself tiny. */
const NEGLIGIBLE = 40

/** Of a step of the normal probability on either side, in standard deviations. */
const STEP_REACH = 9

/**
 * P(T > t) for T = (Z + delta) / sqrt(chi^2 / df) with `df` >= 1/2 degrees of freedom, not necessarily whole; relative
 * error about 1e-12, at degrees of freedom beyond 1e8 1e-10.
 *
 * The integral over u = log sqrt(chi^2 / df) of P(Z > t exp(u) - delta) times the density of u, which has no singularity
 * at any number of degrees of freedom. Panels are cut where the normal probability steps from 1 to 0.
 */
export function noncentralStudentSurvival(t: number, df: number, delta: number): number {
  if (!(df >= 0.5 && Number.isFinite(df) && Number.isFinite(t) && Number.isFinite(delta)))
    throw new RangeError(`the noncentral t is not defined at ${t}, ${df}, ${delta}`)
  const f = (u: number) => Math.exp(logNormalSurvival(t * Math.exp(u) - delta) + logDensity(u, df))
  const edges = [edge(df, -1), edge(df, 1)] as const
  const cuts = [...new Set([edges[0], 0, ...stepOf(t, delta).map(u => clamp(u, edges)), edges[1]])].sort(
    (a, b) => a - b,
  )
  let sum = 0
  for (const [index, high] of cuts.entries()) {
    const low = cuts[index - 1]
    if (low !== undefined) sum += integrate(f, low, high, panelsOf(low, high, df))
  }
  return Math.min(1, sum)
}

/** The log density of u: the chi density with its leading parts cancelled on paper (Loader's deviance form). */
function logDensity(u: number, df: number): number {
  return Math.LN2 + 0.5 * Math.log(df / 2) - HALF_LOG_TWO_PI - stirlingError(df / 2) - (df / 2) * excess(2 * u)
}

/** exp(x) - 1 - x, without cancellation for small x. */
function excess(x: number): number {
  if (Math.abs(x) > 0.5) return Math.expm1(x) - x
  let term = (x * x) / 2
  let sum = term
  for (let k = 3; Math.abs(term) > 1e-18 * sum; k += 1) {
    term *= x / k
    sum += term
  }
  return sum
}

/** The u on one side of 0 beyond which the density is negligible; by doubling and halving. */
function edge(df: number, side: -1 | 1): number {
  let low = 0
  let high = 1 / Math.sqrt(df)
  while ((df / 2) * excess(2 * side * high) < NEGLIGIBLE) {
    low = high
    high *= 2
  }
  for (let step = 0; step < 20; step += 1) {
    const middle = (low + high) / 2
    if ((df / 2) * excess(2 * side * middle) < NEGLIGIBLE) low = middle
    else high = middle
  }
  return side * high
}

/** Where t exp(u) - delta passes from -9 over 0 to 9; nothing where it never does. */
function stepOf(t: number, delta: number): readonly number[] {
  return [-STEP_REACH, -STEP_REACH / 3, 0, STEP_REACH / 3, STEP_REACH]
    .map(z => (z + delta) / t)
    .filter(s => s > 0 && Number.isFinite(s))
    .map(Math.log)
}

function clamp(u: number, [low, high]: readonly [number, number]): number {
  return Math.min(Math.max(u, low), high)
}

/** Each panel spans at most 4 standard deviations of u, and at most 2 where those are wide. */
function panelsOf(low: number, high: number, df: number): number {
  const width = Math.min(2, 4 / Math.sqrt(2 * df))
  return Math.max(1, Math.ceil((high - low) / width))
}
