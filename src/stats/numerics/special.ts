/**
 * Special functions in double precision, as building blocks of the judgements in this directory.
 *
 * They return plain numbers because they are called thousands of times a judgement, and throw a RangeError outside
 * their domain: the judgements check their arguments first, so that such an error is a defect of this package and
 * never an answer to a user. Relative error is below 1e-12 (near a zero of a logarithm: absolute error below 1e-14),
 * at counts of 1e8 below 1e-11.
 */

const HALF_LOG_TWO_PI = 0.9189385332046728
const SQRT_PI = 1.772453850905516
const ONE_MINUS_EULER_GAMMA = 0.42278433509846713

/** From this argument on Stirling's series, cut after eight terms, is exact to the last bit. */
const STIRLING_FROM = 10

/** The Riemann zeta function less 1 at 2, 3, 4, ...; the coefficients of the series of log gamma around 2. */
const ZETA_MINUS_ONE = [
  0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993, 0.01734306198444914,
  0.008349277381922827, 0.00407735619794434, 0.0020083928260822143, 0.0009945751278180853, 0.0004941886041194645,
  0.0002460865533080483, 0.00012271334757848915, 0.00006124813505870483, 0.00003058823630702049, 0.00001528225940865187,
  0.000007637197637899763, 0.00000381729326499984, 0.000001908212716553939, 9.539620338727962e-7, 4.769329867878064e-7,
  2.38450502727733e-7, 1.1921992596531106e-7, 5.960818905125948e-8, 2.980350351465228e-8, 1.490155482836504e-8,
  7.45071178983543e-9, 3.725334024788457e-9,
]

/** (zeta(k) - 1) / k with alternating sign, from the highest power down, as Horner's rule wants them. */
const AROUND_TWO = Float64Array.from(ZETA_MINUS_ONE, (value, index) => (value / (index + 2)) * (-1) ** index).reverse()

/** Bernoulli numbers over 2k(2k - 1), k = 1..8: the coefficients of Stirling's series in 1/x, 1/x^3, 1/x^5, ... */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400] as const

/**
 * The logarithm of the gamma function for x > 0.
 *
 * Around 1 and 2, where it is zero, by its Taylor series in zeta(k) - 1 (Abramowitz & Stegun 6.1.33), from 10 on by
 * Stirling's series (6.1.41), between by the recurrence gamma(x + 1) = x gamma(x).
 */
export function logGamma(x: number): number {
  requireDomain('logGamma', x > 0 && x < Number.POSITIVE_INFINITY, x)
  if (x >= STIRLING_FROM) return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + stirlingSeries(x)
  if (x < 0.5) return logGammaOfTwoPlus(x) - Math.log1p(x) - Math.log(x)
  if (x < 1.5) return logGammaOfTwoPlus(x - 1) - Math.log1p(x - 1)
  let product = 1
  let reduced = x
  while (reduced > 2.5) {
    reduced -= 1
    product *= reduced
  }
  return logGammaOfTwoPlus(reduced - 2) + Math.log(product)
}

/** log gamma(2 + z) for |z| <= 1/2. */
function logGammaOfTwoPlus(z: number): number {
  let sum = 0
  for (let index = 0; index < AROUND_TWO.length; index += 1) sum = sum * z + (AROUND_TWO[index] ?? 0)
  return z * (ONE_MINUS_EULER_GAMMA + z * sum)
}

function stirlingSeries(x: number): number {
  const inverse = 1 / x
  const square = inverse * inverse
  const tail = STIRLING[4] + square * (STIRLING[5] + square * (STIRLING[6] + square * STIRLING[7]))
  return (
    inverse * (STIRLING[0] + square * (STIRLING[1] + square * (STIRLING[2] + square * (STIRLING[3] + square * tail))))
  )
}

/**
 * What Stirling's formula leaves out: log gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2), for x > 0.
 *
 * Differences of log gamma at huge arguments are taken through it, because the large parts then cancel on paper
 * instead of in the machine.
 */
export function stirlingError(x: number): number {
  requireDomain('stirlingError', x > 0 && x < Number.POSITIVE_INFINITY, x)
  if (x >= STIRLING_FROM) return stirlingSeries(x)
  return logGamma(x) - ((x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI)
}

/**
 * The logarithm of the beta function B(a, b) for a, b > 0, accurate also when one argument or both are huge: the
 * leading terms of Stirling's formula are combined into logarithms of ratios before they are evaluated (Didonato &
 * Morris, "Algorithm 708", ACM TOMS 18, 1992).
 */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b)
  const large = Math.max(a, b)
  requireDomain('logBeta', small > 0 && large < Number.POSITIVE_INFINITY, small)
  if (large < STIRLING_FROM) return logGamma(small) + logGamma(large) - logGamma(small + large)
  const sum = small + large
  const errors = stirlingError(large) - stirlingError(sum)
  const shrink = (large - 0.5) * Math.log1p(small / large)
  if (small < STIRLING_FROM) return logGamma(small) + errors + small - small * Math.log(sum) - shrink
  const ratio = (small - 0.5) * Math.log(small / sum)
  return HALF_LOG_TWO_PI - 0.5 * Math.log(sum) + stirlingError(small) + errors + ratio - shrink
}

/** x log y with the convention 0 log 0 = 0, so that an outcome that never happened adds nothing to a likelihood. */
export function xlogy(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(y)
}

/** x log(1 + y) with the convention 0 log 0 = 0. */
export function xlog1py(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log1p(y)
}

/**
 * The log-likelihood of one sequence of `successes` successes and `failures` failures at success probability p:
 * s log p + f log(1 - p), without the binomial coefficient. It is -Infinity if the sequence is impossible at p.
 */
export function logBinomialLikelihood(successes: number, failures: number, p: number): number {
  requireDomain('logBinomialLikelihood', p >= 0 && p <= 1, p)
  return xlogy(successes, p) + xlog1py(failures, -p)
}

/**
 * How much less likely the data are at p than at their own rate: s log(s / (n p)) + f log(f / (n (1 - p))), that is n
 * times the Kullback-Leibler divergence of Bernoulli(s/n) from Bernoulli(p); at least 0, and Infinity if the data are
 * impossible at p. Counts need not be whole.
 *
 * Computed as the sum of two deviances (Loader, "Fast and accurate computation of binomial probabilities", 2000), so
 * that it keeps its digits at counts of 1e8, where the two log-likelihoods agree in all but their last ones.
 */
export function binomialDivergence(successes: number, failures: number, p: number): number {
  requireDomain('binomialDivergence', p >= 0 && p <= 1 && successes >= 0 && failures >= 0, p)
  const trials = successes + failures
  return deviance(successes, trials * p) + deviance(failures, trials * (1 - p))
}

/**
 * x log(x / mean) + mean - x, the share of one outcome, seen x times where `mean` times were expected, in a divergence;
 * both at least 0. It keeps its digits where x is near the mean. Infinity if something impossible was seen.
 */
export function deviance(x: number, mean: number): number {
  requireDomain('deviance', x >= 0 && mean >= 0 && x + mean < Number.POSITIVE_INFINITY, x)
  if (x === 0) return mean
  if (mean === 0) return Number.POSITIVE_INFINITY
  const difference = x - mean
  if (Math.abs(difference) > 0.1 * (x + mean)) return x * Math.log(x / mean) - difference
  const v = difference / (x + mean)
  const square = v * v
  let power = 2 * x * v * square
  let sum = difference * v
  for (let odd = 3; ; odd += 2) {
    const next = sum + power / odd
    if (next === sum) return sum
    sum = next
    power *= square
  }
}

/** The complementary error function: 2/sqrt(pi) times the integral of exp(-t^2) from x to infinity. */
export function erfc(x: number): number {
  requireDomain('erfc', !Number.isNaN(x), x)
  if (x < 0) return 2 - erfc(-x)
  if (x < 2) return 1 - erfBySeries(x)
  if (x > 28) return 0
  return expOfMinusSquare(x) * scaledErfc(x)
}

/** erf(x) for 0 <= x <= 2 by a series without cancellation (Abramowitz & Stegun 7.1.6). */
function erfBySeries(x: number): number {
  const square = x * x
  let term = x
  let sum = x
  for (let k = 1; term > sum * 1e-18; k += 1) {
    term *= (2 * square) / (2 * k + 1)
    sum += term
  }
  return (2 / SQRT_PI) * Math.exp(-square) * sum
}

/** exp(-x^2), with x split so that the rounding of x^2 is not magnified by the exponential. */
function expOfMinusSquare(x: number): number {
  const coarse = Math.round(x * 16) / 16
  return Math.exp(-coarse * coarse) * Math.exp(-(x - coarse) * (x + coarse))
}

/** exp(x^2) erfc(x) for x >= 2 by its continued fraction (Abramowitz & Stegun 7.1.14), evaluated from its end. */
function scaledErfc(x: number): number {
  let tail = x
  for (let k = Math.ceil(16 + 240 / (x * x)); k >= 1; k -= 1) tail = x + k / 2 / tail
  return 1 / (SQRT_PI * tail)
}

/** The logarithm of the probability that a standard normal variable exceeds z; finite also where that underflows. */
export function logNormalSurvival(z: number): number {
  requireDomain('logNormalSurvival', Number.isFinite(z), z)
  const x = z * Math.SQRT1_2
  if (x >= 2) return Math.log(scaledErfc(x) / 2) - 0.5 * z * z
  if (x < -1) return Math.log1p(-erfc(-x) / 2)
  return Math.log(erfc(x) / 2)
}

/** The numerators and denominators of algorithm AS 241, each from its constant term up. */
const QUANTILE_CENTRE = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
] as const
const QUANTILE_SHOULDER = [
  [
    1.4234371107496837, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995344, 1.0507500716444169e-9,
  ],
] as const
const QUANTILE_TAIL = [
  [
    6.657904643501104, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const

/**
 * The standard normal quantile: the z below which a standard normal variable lies with probability p, 0 < p < 1
 * (Wichura, algorithm AS 241, Applied Statistics 37, 1988; PPND16).
 */
export function normalQuantile(p: number): number {
  requireDomain('normalQuantile', p > 0 && p < 1, p)
  const fromHalf = p - 0.5
  if (Math.abs(fromHalf) <= 0.425) return fromHalf * rational(QUANTILE_CENTRE, 0.180625 - fromHalf * fromHalf)
  const r = Math.sqrt(-Math.log(fromHalf < 0 ? p : 1 - p))
  const z = r <= 5 ? rational(QUANTILE_SHOULDER, r - 1.6) : rational(QUANTILE_TAIL, r - 5)
  return fromHalf < 0 ? -z : z
}

function rational([numerator, denominator]: readonly [readonly number[], readonly number[]], x: number): number {
  const evaluate = (coefficients: readonly number[]) => coefficients.reduceRight((sum, next) => sum * x + next, 0)
  return evaluate(numerator) / evaluate(denominator)
}

/**
 * The regularised incomplete beta function I_x(a, b), the probability that a Beta(a, b) variable is at most x;
 * a, b > 0 and 0 <= x <= 1. The exponential of `logRegularizedIncompleteBeta`, so 0 where that underflows.
 */
export function regularizedIncompleteBeta(x: number, a: number, b: number): number {
  if (x === 0) return 0
  return Math.exp(logRegularizedIncompleteBeta(x, a, b))
}

/**
 * The logarithm of I_x(a, b) for 0 < x <= 1, finite also where I_x itself underflows.
 *
 * By the continued fraction of Numerical Recipes (Lentz's method) on the side of the mean where it converges, with
 * the leading factor in Loader's deviance form. The number of steps grows with the square root of a + b; at
 * a = b = 5e7 it stays below 2e4. For the upper tail swap the arguments: I_{1-x}(b, a).
 */
export function logRegularizedIncompleteBeta(x: number, a: number, b: number): number {
  requireDomain('logRegularizedIncompleteBeta', x > 0 && x <= 1 && a > 0 && b > 0 && Number.isFinite(a + b), x)
  if (x === 1) return 0
  if (x <= (a + 1) / (a + b + 2)) return logBetaTail(x, a, b)
  return Math.log(-Math.expm1(logBetaTail(1 - x, b, a)))
}

function logBetaTail(x: number, a: number, b: number): number {
  const errors = stirlingError(a) + stirlingError(b) - stirlingError(a + b)
  const logDensity = 0.5 * (Math.log(a) + Math.log(b / (a + b))) - HALF_LOG_TWO_PI - errors
  const logTail = logDensity - binomialDivergence(a, b, x) + Math.log(betaContinuedFraction(x, a, b)) - Math.log(a)
  return Math.min(logTail, 0)
}

/** Far beyond the steps needed at counts of 2^53; reached only by a defect. */
const CONTINUED_FRACTION_STEPS = 1e9

function betaContinuedFraction(x: number, a: number, b: number): number {
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1))
  let product = d
  for (let m = 1; m < CONTINUED_FRACTION_STEPS; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    product *= c * d
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    product *= c * d
    if (Math.abs(c * d - 1) < 2e-15) return product
  }
  throw new RangeError(`the continued fraction of the incomplete beta function does not converge at ${x}, ${a}, ${b}`)
}

function awayFromZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value
}

function requireDomain(name: string, inside: boolean, argument: number): void {
  if (!inside) throw new RangeError(`${name} is not defined at ${argument}`)
}
