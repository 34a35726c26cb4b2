import { logNormalSurvival } from '../numerics/special.ts'
import { logStudentSurvival } from '../numerics/student.ts'

/** A p value with its natural logarithm, which stays finite where the p value itself underflows to 0. */
export type PValue = { readonly pValue: number; readonly logPValue: number }

/** The two-sided p value, and those against "candidate is larger" and "candidate is smaller" than the null says. */
export type SidedPValues = PValue & { readonly greater: PValue; readonly less: PValue }

/** The p value of a logarithm, at most 1; logarithms beyond the range of a double become its end. */
export function pValueOf(log: number): PValue {
  const logPValue = Math.max(-Number.MAX_VALUE, Math.min(0, log)) + 0
  return { pValue: Math.exp(logPValue), logPValue }
}

/** The p values of a statistic that is standard normal under the null hypothesis. */
export function normalPValues(z: number): SidedPValues {
  return sidedPValues(logNormalSurvival(z), logNormalSurvival(-z))
}

/** The p values of a statistic with Student's distribution under the null hypothesis. */
export function studentPValues(t: number, df: number): SidedPValues {
  return sidedPValues(logStudentSurvival(t, df), logStudentSurvival(-t, df))
}

/** The p values of the logarithms of both tails; the two-sided one doubles the smaller. */
export function sidedPValues(logGreater: number, logLess: number): SidedPValues {
  const twoSided = pValueOf(Math.LN2 + Math.min(logGreater, logLess))
  return { ...twoSided, greater: pValueOf(logGreater), less: pValueOf(logLess) }
}
