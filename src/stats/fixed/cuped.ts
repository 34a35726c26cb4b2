import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { checkJointMoments, type JointMoments } from '../summaries/joint-moments.ts'
import { type StudentDifference, studentDifference } from './student-difference.ts'

/**
 * One slope for both versions (classical CUPED, ANCOVA), or one for each (the regression with interactions), which is
 * never less precise in large samples, also when versions differ in size and slope.
 */
export type ThetaChoice = 'pooled' | 'within-arm'

/** One version after the adjustment. */
export type AdjustedArm = {
  /** Its slope: units of the outcome per unit of the covariate. */
  readonly theta: number
  /** The mean outcome if the version's units had the mean covariate of both versions together. */
  readonly adjustedMean: number
}

/** A difference of means with what a covariate explains taken out; candidate minus stable, in units of the outcome. */
export type Cuped = StudentDifference & {
  readonly candidate: AdjustedArm
  readonly stable: AdjustedArm
  /** The same comparison without the covariate (Welch's test). */
  readonly unadjusted: StudentDifference
  /** 1 - (adjusted / unadjusted standard error)^2; may be slightly negative where the covariate explains nothing. */
  readonly varianceReduction: number
  /**
   * Welch's test of the covariate itself. It was fixed before the assignment, so that a tiny p value (below 0.001, say)
   * means a broken assignment or a covariate that the versions influence: then trust neither comparison.
   */
  readonly imbalance: StudentDifference
}

/**
 * Estimates the difference of two mean outcomes with the part taken out that a covariate from before the experiment
 * explains (CUPED). One pair a unit: x the covariate, y the outcome; the estimate is in units of y.
 *
 * @use For outcomes that repeat within units (visits, latency of a client) when their history is known; the variance
 * falls by the squared correlation. The covariate must not be influenced by the version. Units without history must not
 * be dropped: `cupedWithNewUnits` takes them.
 * @assumes Units are independent and assigned at random, with finite variances; a linear relation is not assumed, it
 * only decides how much is gained. Horizon fixed in advance.
 * @formula adjusted mean_k = mean y_k - theta_k (mean x_k - mean x of all). Within-arm: theta_k = co_k / m2X_k; var =
 * sum over k of s_k^2 (1/n_k + (mean x_k - mean x)^2 / m2X_k) + (theta_c - theta_s)^2 var(x) / n, s_k^2 the residual
 * variance with n_k - 2 degrees of freedom. Pooled: theta = sum co_k / sum m2X_k; var = sum of s_k^2 / n_k + (mean x_c -
 * mean x_s)^2 var(theta).
 * @source Deng, Xu, Kohavi & Walker, "Improving the sensitivity of online controlled experiments by utilizing
 * pre-experiment data", WSDM 2013; within-arm: Lin, "Agnostic notes on regression adjustments to experimental data",
 * Annals of Applied Statistics 7, 2013; the last term of its variance: Negi & Wooldridge, Econometric Reviews 40, 2021.
 * @degenerate Fewer than 4 units in a version, a covariate that is constant in a version (pooled: in both), an outcome
 * that is constant or follows exactly from the covariate are insufficient.
 */
export function cuped({
  candidate,
  stable,
  alpha,
  theta = 'within-arm',
}: {
  candidate: JointMoments
  stable: JointMoments
  alpha: number
  theta?: ThetaChoice
}): Result<Cuped> {
  const bad = checkAlpha(alpha) ?? checkArm('the candidate', candidate) ?? checkArm('the stable version', stable)
  if (bad !== undefined) return bad
  if (theta !== 'pooled' && theta !== 'within-arm')
    return invalid(`theta is ${theta}; it must be 'pooled' or 'within-arm'`)
  const arms = theta === 'pooled' ? pooledArms(candidate, stable) : withinArms(candidate, stable)
  if (!arms.ok) return arms
  const [first, second] = [arms.candidate, arms.stable]
  const estimate = first.adjustedMean - second.adjustedMean
  const adjusted = studentDifference({ estimate, components: arms.components, alpha })
  if (!adjusted.ok) return adjusted
  const unadjusted = welch(candidate, stable, 'Y', alpha)
  if (!unadjusted.ok) return unadjusted
  const imbalance = welch(candidate, stable, 'X', alpha)
  if (!imbalance.ok) return imbalance
  const varianceReduction = 1 - (adjusted.standardError / unadjusted.standardError) ** 2
  return { ...adjusted, candidate: first, stable: second, unadjusted, varianceReduction, imbalance }
}

/** Both adjusted versions and the independent parts of the variance of their difference. */
export type AdjustedArms = {
  readonly candidate: AdjustedArm
  readonly stable: AdjustedArm
  readonly components: readonly { readonly variance: number; readonly degreesOfFreedom: number }[]
}

/** The adjustment with a slope for each version; moments are checked by the callers. */
export function withinArms(candidate: JointMoments, stable: JointMoments): Result<AdjustedArms> {
  const centre = pooledMeanX(candidate, stable)
  const first = ownRegression('the candidate', candidate, centre)
  if (!first.ok) return first
  const second = ownRegression('the stable version', stable, centre)
  if (!second.ok) return second
  const n = candidate.n + stable.n
  const between = (candidate.meanX - stable.meanX) ** 2 * candidate.n * (stable.n / n)
  const varianceX = (candidate.m2X + stable.m2X + between) / (n - 1)
  const slopes = { variance: ((first.theta - second.theta) ** 2 * varianceX) / n, degreesOfFreedom: n - 4 }
  return {
    ok: true,
    candidate: { theta: first.theta, adjustedMean: first.adjustedMean },
    stable: { theta: second.theta, adjustedMean: second.adjustedMean },
    components: [first.component, second.component, slopes],
  }
}

function ownRegression(name: string, arm: JointMoments, centre: number) {
  if (arm.m2X === 0) return insufficient(`the covariate is constant in ${name}; there is nothing to adjust by`)
  const theta = arm.coXY / arm.m2X
  const distance = arm.meanX - centre
  const degreesOfFreedom = arm.n - 2
  const residual = residualSquares(arm, theta) / degreesOfFreedom
  const variance = residual * (1 / arm.n + distance ** 2 / arm.m2X)
  const adjustedMean = arm.meanY - theta * distance
  return { ok: true as const, theta, adjustedMean, component: { variance, degreesOfFreedom } }
}

function pooledArms(candidate: JointMoments, stable: JointMoments): Result<AdjustedArms> {
  const m2X = candidate.m2X + stable.m2X
  if (m2X === 0) return insufficient('the covariate is constant in both versions; there is nothing to adjust by')
  const theta = (candidate.coXY + stable.coXY) / m2X
  const centre = pooledMeanX(candidate, stable)
  const distance = (candidate.meanX - stable.meanX) / m2X
  // One slope was estimated from both versions; its degree of freedom is shared between them.
  const n = candidate.n + stable.n
  const component = (arm: JointMoments) => {
    const variance = (residualSquares(arm, theta) / (arm.n - 1)) * ((n - 2) / (n - 3))
    return { variance: variance * (1 / arm.n + distance ** 2 * arm.m2X), degreesOfFreedom: arm.n - 1 }
  }
  const adjusted = (arm: JointMoments) => ({ theta, adjustedMean: arm.meanY - theta * (arm.meanX - centre) })
  return {
    ok: true,
    candidate: adjusted(candidate),
    stable: adjusted(stable),
    components: [component(candidate), component(stable)],
  }
}

/** Below this share of the parts that cancel, a sum of squares is rounding and counts as 0. */
const ROUNDING = 1e-14

/** The squares of y - theta x around their mean. */
function residualSquares({ m2X, m2Y, coXY }: JointMoments, theta: number): number {
  const parts = m2Y + theta * theta * m2X
  const residual = parts - 2 * theta * coXY
  return residual > ROUNDING * parts ? residual : 0
}

function pooledMeanX(a: JointMoments, b: JointMoments): number {
  return a.meanX + (b.meanX - a.meanX) * (b.n / (a.n + b.n))
}

function welch(a: JointMoments, b: JointMoments, of: 'X' | 'Y', alpha: number): Result<StudentDifference> {
  const component = (arm: JointMoments) => {
    const degreesOfFreedom = arm.n - 1
    return { variance: arm[`m2${of}`] / degreesOfFreedom / arm.n, degreesOfFreedom }
  }
  return studentDifference({
    estimate: a[`mean${of}`] - b[`mean${of}`],
    components: [component(a), component(b)],
    alpha,
  })
}

/** Two parameters of the line, and at least as many degrees of freedom for the spread around it. */
const UNITS_MIN = 4

/** Refuses joint moments that are impossible, or too few for a line and a spread around it. */
export function checkArm(name: string, arm: JointMoments): Failure | undefined {
  const bad = checkJointMoments(name, arm)
  if (bad !== undefined || arm.n >= UNITS_MIN) return bad
  return insufficient(`an adjustment needs at least ${UNITS_MIN} units a version; ${name} has ${arm.n}`)
}
