import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'
import type { Moments } from './moments.ts'

/**
 * The first two joint moments of a stream of pairs (x, y), updated one pair at a time and merged exactly: what a ratio
 * metric (x the numerator, y the denominator of one unit) and a covariate adjustment (x known before, y the outcome)
 * need of the data.
 *
 * `m2X` and `m2Y` are in squared units of x and y, `coXY` in units of x times y.
 */
export type JointMoments = {
  /** How many pairs. */
  readonly n: number
  /** The mean of x; 0 when there are none. */
  readonly meanX: number
  /** The mean of y; 0 when there are none. */
  readonly meanY: number
  /** The sum of the squared distances of x from its mean. */
  readonly m2X: number
  /** The sum of the squared distances of y from its mean. */
  readonly m2Y: number
  /** The sum of the products of both distances. */
  readonly coXY: number
}

/** The joint moments of no pairs at all. */
export const emptyJointMoments: JointMoments = { n: 0, meanX: 0, meanY: 0, m2X: 0, m2Y: 0, coXY: 0 }

/** The joint moments after one more pair; refuses numbers that are not finite, or whose square overflows. */
export function addToJointMoments(
  moments: JointMoments,
  { x, y }: { readonly x: number; readonly y: number },
): Result<{ moments: JointMoments }> {
  if (!Number.isFinite(x) || !Number.isFinite(y))
    return invalid(`the pair is (${x}, ${y}); both must be finite numbers`)
  return mergeJointMoments(moments, { n: 1, meanX: x, meanY: y, m2X: 0, m2Y: 0, coXY: 0 })
}

/**
 * The joint moments of two sets of pairs together; associative and commutative up to rounding.
 *
 * @use To add up what shards, epochs or days counted; never from sums of squares, which lose every digit when a mean is
 * large against its spread.
 * @assumes Nothing about the pairs.
 * @formula n = n_a + n_b; d = mean_b - mean_a; m2 = m2_a + m2_b + d^2 n_a n_b / n;
 * co = co_a + co_b + d_x d_y n_a n_b / n.
 * @source Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", Stanford
 * STAN-CS-79-773, 1979; for the product: Bennett et al., IEEE Cluster 2009, section III.
 * @degenerate An empty side changes nothing; moments that no set of finite numbers has are refused.
 */
export function mergeJointMoments(a: JointMoments, b: JointMoments): Result<{ moments: JointMoments }> {
  const bad = checkJointMoments('the first set', a) ?? checkJointMoments('the second set', b)
  if (bad !== undefined) return bad
  if (a.n === 0) return { ok: true, moments: b }
  if (b.n === 0) return { ok: true, moments: a }
  const n = a.n + b.n
  const share = b.n / n
  const dx = b.meanX - a.meanX
  const dy = b.meanY - a.meanY
  const m2X = a.m2X + b.m2X + dx * dx * a.n * share
  const m2Y = a.m2Y + b.m2Y + dy * dy * a.n * share
  const coXY = a.coXY + b.coXY + dx * dy * a.n * share
  if (!Number.isFinite(m2X) || !Number.isFinite(m2Y) || !Number.isFinite(coXY))
    return invalid('the values are too far apart for a double')
  return { ok: true, moments: { n, meanX: a.meanX + dx * share, meanY: a.meanY + dy * share, m2X, m2Y, coXY } }
}

/** The moments of x alone. */
export function momentsOfX({ n, meanX, m2X }: JointMoments): Moments {
  return { n, mean: meanX, m2: m2X }
}

/** The moments of y alone. */
export function momentsOfY({ n, meanY, m2Y }: JointMoments): Moments {
  return { n, mean: meanY, m2: m2Y }
}

/** The unbiased covariance coXY / (n - 1), in units of x times y. With fewer than two pairs there is none. */
export function covariance(moments: JointMoments): Result<{ covariance: number }> {
  const bad = checkJointMoments('the set', moments)
  if (bad !== undefined) return bad
  if (moments.n < 2) return insufficient(`a covariance needs at least 2 pairs; there are ${moments.n}`)
  return { ok: true, covariance: moments.coXY / (moments.n - 1) }
}

/** Refuses moments that no set of finite numbers has: wrong counts, negative squares, a product beyond both spreads. */
export function checkJointMoments(name: string, moments: JointMoments): Failure | undefined {
  const { n, meanX, meanY, m2X, m2Y, coXY } = moments
  const bad = checkCount(`the number of pairs of ${name}`, n)
  if (bad !== undefined) return bad
  if (![meanX, meanY, m2X, m2Y, coXY].every(Number.isFinite) || m2X < 0 || m2Y < 0)
    return invalid(`the moments of ${name} are ${JSON.stringify(moments)}; all must be finite and squares at least 0`)
  if (Math.abs(coXY) <= greatestProduct(m2X, m2Y)) return undefined
  return invalid(`coXY of ${name} is ${coXY}; it cannot exceed the square root of m2X ${m2X} times m2Y ${m2Y}`)
}

/** The inequality of Cauchy and Schwarz, with room for rounding and for squares that underflow while products do not. */
function greatestProduct(m2X: number, m2Y: number): number {
  const x = Math.sqrt(m2X)
  const y = Math.sqrt(m2Y)
  return x * y * (1 + 1e-6) + 1e-140 * (x + y) + 1e-290
}
