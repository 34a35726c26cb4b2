import { logChiSquareSurvival } from '../numerics/incomplete-gamma.ts'

/** A double has no more halvings between two neighbours than this. */
const STEPS_MAX = 1100

/** The number that a chi-square variable with `df` > 0 degrees of freedom exceeds with probability `alpha`, in (0, 1). */
export function chiSquareUpperQuantile({ alpha, df }: { alpha: number; df: number }): number {
  if (!(alpha > 0 && alpha < 1 && df > 0))
    throw new RangeError(`the chi-square quantile is not defined at ${alpha}, ${df}`)
  const target = Math.log(alpha)
  let low = 0
  let high = df
  while (logChiSquareSurvival(high, df) > target) {
    low = high
    high *= 2
  }
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const middle = low + (high - low) / 2
    if (middle === low || middle === high) break
    if (logChiSquareSurvival(middle, df) > target) low = middle
    else high = middle
  }
  return high
}
