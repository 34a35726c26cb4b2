/** Here both series need few terms. */
const DUAL_BELOW = 1

/**
 * The logarithm of the probability that the supremum of a Brownian bridge's size exceeds `x` >= 0, the limit of the
 * Kolmogorov-Smirnov statistics; finite also where that underflows. By 2 sum (-1)^(k-1) exp(-2 k^2 x^2), and below 1,
 * where that alternates too long, by Jacobi's dual series (Feller, Annals of Mathematical Statistics 19, 1948,
 * equations 1.4 and 1.5).
 */
export function logKolmogorovSurvival(x: number): number {
  if (!(x >= 0)) throw new RangeError(`Kolmogorov's distribution is not defined at ${x}`)
  if (x === 0) return 0
  return x < DUAL_BELOW ? Math.log1p(-distributionByDual(x)) : logByAlternating(x)
}

function distributionByDual(x: number): number {
  const q = (Math.PI * Math.PI) / (8 * x * x)
  let sum = 0
  for (let odd = 1; odd <= 9; odd += 2) sum += Math.exp(-odd * odd * q)
  return (Math.sqrt(2 * Math.PI) / x) * sum
}

/** The first term is taken out, so that the rest is a correction near 1 whatever the size of x. */
function logByAlternating(x: number): number {
  let rest = 0
  for (let k = 2; k <= 6; k += 1) rest += (k % 2 === 0 ? -1 : 1) * Math.exp(-2 * (k * k - 1) * x * x)
  return Math.min(0, Math.LN2 - 2 * x * x + Math.log1p(rest))
}
