import { checkAlpha, type Failure, insufficient, invalid, type Result } from '../result.ts'
import { type PValue, pValueOf } from './p-value.ts'

/** P values of one family of tests, plain or as natural logarithms, and the error probability of the family. */
export type Family = { readonly alpha: number } & (
  | { readonly pValues: readonly number[] }
  | { readonly logPValues: readonly number[] }
)

/** The tests of a family in the order they were given. */
export type Correction = {
  /** Each test's adjusted p value, and whether it is at most alpha. */
  readonly tests: readonly (PValue & { readonly rejected: boolean })[]
  /** How many are rejected. */
  readonly rejections: number
}

/**
 * Bonferroni's correction: the probability that any true hypothesis is rejected is at most alpha.
 *
 * @use For a family of few tests when each needs an interval at level alpha/m as well; `holm` rejects at least as much.
 * @assumes Valid p values; any dependence.
 * @formula adjusted p = min(1, m p).
 * @source O. J. Dunn, "Multiple comparisons among means", JASA 56 (1961) 52-64.
 * @degenerate No tests are insufficient. A p value outside [0, 1], or a logarithm above 0, is invalid; a p value of 0 gets
 *   the logarithm -Number.MAX_VALUE.
 */
export function bonferroni(family: Family): Result<Correction> {
  return corrected(family, logs => logs.map(log => log + Math.log(logs.length)))
}

/**
 * Holm's step-down correction: the probability that any true hypothesis is rejected is at most alpha.
 *
 * @use For the goals of a release, where one false claim is one too many.
 * @assumes Valid p values; any dependence.
 * @formula in ascending order adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).
 * @source S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)
 *   65-70.
 * @degenerate As `bonferroni`.
 */
export function holm(family: Family): Result<Correction> {
  return corrected(family, logs => {
    let greatest = Number.NEGATIVE_INFINITY
    return logs.map((log, index) => {
      greatest = Math.max(greatest, log + Math.log(logs.length - index))
      return greatest
    })
  })
}

/**
 * The correction of Benjamini and Hochberg: the expected share of true hypotheses among the rejected ones (the false
 * discovery rate) is at most alpha.
 *
 * @use For many tests that are screened (features for drift, segments), where some false finds are bearable.
 * @assumes Valid p values that are independent or positively dependent.
 * @formula in ascending order adjusted p_(i) = min over j >= i of min(1, m p_(j) / j).
 * @source Y. Benjamini & Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995) 289-300.
 * @degenerate As `bonferroni`.
 */
export function benjaminiHochberg(family: Family): Result<Correction> {
  return corrected(family, logs => {
    let least = 0
    return logs
      .map((log, index) => log + Math.log(logs.length / (index + 1)))
      .toReversed()
      .map(log => {
        least = Math.min(least, log)
        return least
      })
      .toReversed()
  })
}

/** A test at the very level is rejected although its logarithm is rounded: 0.025 of two tests at 0.05. */
const ROUNDING = 1e-13

/** Adjusts the logarithms in ascending order and puts them back in the order of the input. */
function corrected(family: Family, adjust: (ascending: readonly number[]) => readonly number[]): Result<Correction> {
  const refusal = checkFamily(family)
  if (refusal !== undefined) return refusal
  const logs = 'pValues' in family ? family.pValues.map(p => pValueOf(Math.log(p)).logPValue) : family.logPValues
  const order = [...logs.keys()].sort((a, b) => (logs[a] ?? 0) - (logs[b] ?? 0))
  const adjusted = adjust(order.map(index => logs[index] ?? 0))
  const byInput = new Map(order.map((index, place) => [index, adjusted[place] ?? 0]))
  const limit = Math.log(family.alpha) + ROUNDING
  const tests = [...logs.keys()].map(index => {
    const p = pValueOf(byInput.get(index) ?? 0)
    return { ...p, rejected: p.logPValue <= limit }
  })
  return { ok: true, tests, rejections: tests.filter(({ rejected }) => rejected).length }
}

function checkFamily(family: Family): Failure | undefined {
  const bad = checkAlpha(family.alpha)
  if (bad !== undefined) return bad
  const plain = 'pValues' in family
  const values = plain ? family.pValues : family.logPValues
  if (values.length === 0) return insufficient('there are no p values to adjust')
  const isValid = (value: number) => (plain ? value >= 0 && value <= 1 : value <= 0 && Number.isFinite(value))
  const wrong = values.findIndex(value => !isValid(value))
  if (wrong < 0) return undefined
  const allowed = plain ? 'from 0 to 1' : 'finite and at most 0'
  return invalid(`${plain ? 'p value' : 'log p value'} ${wrong} is ${values[wrong]}; it must be ${allowed}`)
}
