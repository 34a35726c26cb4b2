/**
 * Special functions, accurate where counts are huge: differences of log-gammas are taken between their Stirling
 * corrections, never between the large values themselves. Method: DiDonato & Morris, ACM TOMS 18 (1992), algorithm 708.
 */

const halfLog2Pi = 0.5 * Math.log(2 * Math.PI)

/** From here on the Stirling series below is exact to 1e-16. */
const stirlingFrom = 10

/** log Γ(x) - ((x - 1/2) log x - x + log(2π)/2) for x >= 10. */
function stirlingCorrection(x: number): number {
  const y = 1 / (x * x)
  const series =
    1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * (691 / 360360 - y / 156)))))
  return series / x
}

/** Natural logarithm of the gamma function for x > 0. Relative error about 1e-15 away from its zeros at 1 and 2. */
export function logGamma(x: number): number {
  if (x >= stirlingFrom) return (x - 0.5) * Math.log(x) - x + halfLog2Pi + stirlingCorrection(x)
  let product = 1
  let shifted = x
  while (shifted < stirlingFrom) product *= shifted++
  return logGamma(shifted) - Math.log(product)
}

/** log Γ(b) - log Γ(a + b) for b >= 10 without cancellation. */
function logGammaFall(a: number, b: number): number {
  const sum = a + b
  const corrections = stirlingCorrection(b) - stirlingCorrection(sum)
  return -(b - 0.5) * Math.log1p(a / b) - a * Math.log(sum) + a + corrections
}

/** Natural logarithm of the beta function for a, b > 0; absolute error below 1e-15 times the terms even at b = 1e9. */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b)
  const large = Math.max(a, b)
  if (large < stirlingFrom) return logGamma(small) + logGamma(large) - logGamma(small + large)
  if (small < stirlingFrom) return logGamma(small) + logGammaFall(small, large)
  const sum = small + large
  const corrections = stirlingCorrection(small) + stirlingCorrection(large) - stirlingCorrection(sum)
  const main = (small - 0.5) * Math.log(small / sum) - large * Math.log1p(small / large)
  return halfLog2Pi - 0.5 * Math.log(large) + main + corrections
}

/** x · log(y), and 0 where x is 0 whatever y is. */
export function xlogy(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(y)
}

/** x · log(1 + y), and 0 where x is 0 whatever y is. */
export function xlog1py(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log1p(y)
}

/** log(Σ exp(values)) without overflow; -Infinity for an empty list. */
export function logSumExp(values: readonly number[]): number {
  const greatest = Math.max(...values)
  if (greatest === Number.NEGATIVE_INFINITY) return greatest
  return greatest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - greatest), 0))
}
