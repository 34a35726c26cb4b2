import { checkAlpha, insufficient, type Result } from '../result.ts'
import { type ConfusionMatrix, checkMatrix, deltaVariance, totalsOf } from './confusion-matrix.ts'
import { criticalValue, wilsonInterval } from './normal-inference.ts'

/** Agreement beyond chance. */
export type Kappa = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** The standard error of the estimate; 0 if all rows agree, when it is unknown rather than nothing. */
  readonly standardError: number
  /** The share of rows on the diagonal. */
  readonly observedAgreement: number
  /** The share that would be there if both chose independently, each class as often as they do. */
  readonly expectedAgreement: number
}

/**
 * Cohen's kappa: how much more often two raters (two versions, or a version and the labels) agree on classes than they
 * would by chance; 1 for always, 0 for as often as by chance.
 *
 * @use Where a large class makes plain agreement look good. Kappa depends on how often classes occur: do not compare it
 *   across populations. Classes are without order.
 * @assumes Rows are independent; the interval is asymptotic.
 * @formula kappa = (po - pe) / (1 - pe), po = sum p_ii, pe = sum p_i. p_.i; the variance is that of the delta method on
 *   multinomial cells, which is Fleiss, Cohen & Everitt's.
 * @source Cohen, Educational and Psychological Measurement 20 (1960); Fleiss, Cohen & Everitt, "Large sample standard
 *   errors of kappa and weighted kappa", Psychological Bulletin 72 (1969) 10.1037/h0028106.
 * @degenerate Without rows insufficient, and if both put all rows in one class, which chance does too. Where the standard
 *   error is 0 (perfect agreement) the interval is that of the agreement (Wilson) at the observed chance agreement.
 */
export function cohenKappa({ matrix, classes, alpha }: ConfusionMatrix & { readonly alpha: number }): Result<Kappa> {
  const bad = checkAlpha(alpha) ?? checkMatrix({ matrix, classes })
  if (bad !== undefined) return bad
  const { rows, hits, byClass } = totalsOf({ matrix, classes })
  const actual = byClass.map(counts => counts.actual / rows)
  const predicted = byClass.map(counts => counts.predicted / rows)
  const observedAgreement = hits / rows
  const expectedAgreement = actual.reduce((sum, share, index) => sum + share * (predicted[index] ?? 0), 0)
  const disagreementByChance = byClass.reduce((sum, c) => sum + (c.actual / rows) * ((rows - c.predicted) / rows), 0)
  if (disagreementByChance === 0)
    return insufficient('both put all rows in one class, so agreement beyond it is undefined')
  const disagreement = (rows - hits) / rows / disagreementByChance
  const slope = (i: number, j: number) =>
    ((i === j ? 1 : 0) - disagreement * ((predicted[i] ?? 0) + (actual[j] ?? 0))) / disagreementByChance
  const standardError = Math.sqrt(deltaVariance(matrix, slope))
  const estimate = 1 - disagreement
  const half = criticalValue(alpha) * standardError
  const byAgreement = wilsonInterval(hits, rows, alpha)
  const beyondChance = (share: number) => (share - expectedAgreement) / disagreementByChance
  const [lower, upper] =
    standardError > 0
      ? [estimate - half, estimate + half]
      : [beyondChance(byAgreement.lower), beyondChance(byAgreement.upper)]
  return {
    ok: true,
    estimate,
    lower: Math.max(-1, lower),
    upper: Math.min(1, upper),
    standardError,
    observedAgreement,
    expectedAgreement,
  }
}
