import { checkAlpha, insufficient, invalid, type Result } from '../result.ts'
import type { FeatureDrift } from './binned-drift.ts'

/** The verdict on one feature after the correction. */
export type CorrectedFeature = {
  readonly name: string
  /** The kind of refusal if the feature has no p value. */
  readonly verdict: 'pass' | 'fail' | 'insufficient' | 'invalid'
  /** The least alpha at which the feature fails among all; null if it has no p value. */
  readonly adjustedPValue: number | null
  readonly adjustedLogPValue: number | null
  /** Why there is no p value; null if there is one. */
  readonly reason: string | null
}

/** Which features of a dataset drifted. */
export type DatasetDrift = {
  /** `fail` if any feature drifted; otherwise not `pass` unless every feature was answered. */
  readonly verdict: 'pass' | 'fail' | 'insufficient' | 'invalid'
  /** The names of those that drifted, in the order given. */
  readonly drifted: readonly string[]
  readonly features: readonly CorrectedFeature[]
}

/**
 * Which features of a dataset drifted, with the expected share of false names among them at most alpha.
 *
 * @use On the results of `featureDrift` or `binnedDrift` of all features of one pair of windows.
 * @assumes P values that are independent or positively dependent. Features without a p value are not counted.
 * @formula Benjamini-Hochberg: adjusted p of rank k of m = min over j >= k of p_(j) m / j; a feature fails if that is at
 * most alpha and its drift matters (PSI above what was tolerated).
 * @source Benjamini & Hochberg, Controlling the false discovery rate, JRSS B 57, 1995; Benjamini & Yekutieli, Annals of
 * Statistics 29, 2001 (positive dependence).
 * @degenerate No features are insufficient; two features of one name are invalid. A feature that was refused keeps its
 * refusal, and the whole does not pass.
 */
export function datasetDrift({
  features,
  alpha,
}: {
  features: readonly { readonly name: string; readonly drift: Result<FeatureDrift> }[]
  alpha: number
}): Result<DatasetDrift> {
  const bad = checkAlpha(alpha)
  if (bad !== undefined) return bad
  if (features.length === 0) return insufficient('a dataset needs at least 1 feature; there is none')
  if (new Set(features.map(({ name }) => name)).size < features.length)
    return invalid('two features have the same name')
  const answered = features.flatMap(({ name, drift }) => (drift.ok ? [{ name, logPValue: drift.logPValue }] : []))
  const adjusted = benjaminiHochberg(answered)
  const corrected = features.map(({ name, drift }): CorrectedFeature => {
    const logPValue = adjusted.get(name)
    if (!drift.ok) return { name, verdict: drift.kind, ...noPValue, reason: drift.reason }
    if (logPValue === undefined) return { name, verdict: 'invalid', ...noPValue, reason: 'no p value' }
    const verdict = drift.matters && logPValue <= Math.log(alpha) ? 'fail' : 'pass'
    return { name, verdict, adjustedPValue: Math.exp(logPValue), adjustedLogPValue: logPValue, reason: null }
  })
  const drifted = corrected.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name)
  const worst = (['fail', 'invalid', 'insufficient'] as const).find(one => corrected.some(f => f.verdict === one))
  return { ok: true, verdict: worst ?? 'pass', drifted, features: corrected }
}

const noPValue = { adjustedPValue: null, adjustedLogPValue: null }

/** Logarithms of the adjusted p values by name: the step-up from the greatest p value down. */
function benjaminiHochberg(tests: readonly { name: string; logPValue: number }[]): ReadonlyMap<string, number> {
  const adjusted = new Map<string, number>()
  let least = 0
  for (const [index, { name, logPValue }] of tests.toSorted((a, b) => b.logPValue - a.logPValue).entries()) {
    least = Math.min(least, logPValue + Math.log(tests.length / (tests.length - index)))
    adjusted.set(name, least)
  }
  return adjusted
}
