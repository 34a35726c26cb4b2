import { logNormalSurvival, normalQuantile } from '../numerics/special.ts'
import { type Failure, insufficient, invalid, type Result } from '../result.ts'
import { differenceOfRank, medianDifference } from './hodges-lehmann.ts'
import { checkIntervalAlpha, type Interval } from './interval.ts'
import { type SidedPValues, sidedPValues } from './p-value.ts'
import { isCountable, type LogTails, logTailsOf, rankSumCounts, sumsWithin } from './rank-sum-distribution.ts'

/** The greatest number of values in both samples together; the shift takes about a microsecond a value. */
export const RANKED_VALUES_MAX = 2e6

/** The comparison of two samples by ranks. */
export type MannWhitney = SidedPValues & {
  /** Pairs in which the value of the candidate is the larger one, ties counted half. */
  readonly u: number
  /** u / (m n): the estimated probability that a value of the candidate exceeds one of stable, ties counted half. */
  readonly commonLanguage: number
  /** Whether the p values are exact or from the normal approximation. */
  readonly method: 'exact' | 'normal'
  /** The Hodges-Lehmann estimate of the shift, candidate minus stable, in units of the values. */
  readonly shift: number
  /** Its interval at level 1 - alpha; refused where even the range of all differences covers less. */
  readonly shiftInterval: Result<Interval>
}

/**
 * The test of Mann and Whitney (Wilcoxon's rank sum test) of whether values of one version tend to be larger, with the
 * Hodges-Lehmann shift and its interval.
 *
 * @use For skewed or heavy-tailed values of independent units at one planned look. It asks which version has larger
 *   values, not larger means. Minutes of one series are not independent units.
 * @assumes Independent values, and under the null hypothesis one distribution. The shift and its interval also assume
 *   that the distributions differ by a shift alone; with ties the interval is wider than it need be.
 * @formula U = #{c > s} + #{c = s}/2; exact: the permutation distribution of the midranks, two-sided p twice the smaller
 *   tail; else z = (|U - mn/2| - 1/2) / sqrt(mn/12 ((N+1) - sum(t^3-t)/(N(N-1)))), t the sizes of the ties. The shift
 *   is the median of all differences c - s; its interval runs from their k-th smallest to their k-th largest, k - 1 the
 *   largest count that U stays at or below with probability at most alpha/2.
 * @source H. B. Mann & D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than
 *   the other", Annals of Mathematical Statistics 18 (1947) 50-60; M. Hollander & D. A. Wolfe, "Nonparametric
 *   Statistical Methods" (1973), ch. 4; J. L. Hodges & E. L. Lehmann, ibid. 34 (1963) 598-611.
 * @degenerate An empty version is insufficient, and so are values that are all the same; more than RANKED_VALUES_MAX
 *   values are invalid. Up to min(m, n) (m + n) = EXACT_PRODUCT_MAX p is exact, ties or not: 2 against 2 values never
 *   get below p = 1/3.
 */
export function mannWhitney({
  candidate,
  stable,
  alpha,
}: {
  candidate: readonly number[]
  stable: readonly number[]
  alpha: number
}): Result<MannWhitney> {
  const bad = checkIntervalAlpha(alpha) ?? checkSamples(candidate, stable)
  if (bad !== undefined) return bad
  const first = Float64Array.from(candidate).sort()
  const second = Float64Array.from(stable).sort()
  const least = Math.min(first[0] ?? 0, second[0] ?? 0)
  const greatest = Math.max(first.at(-1) ?? 0, second.at(-1) ?? 0)
  if (!Number.isFinite(greatest - least)) return invalid(`the values ${least} and ${greatest} are too far apart`)
  if (least === greatest) return insufficient(`all values are ${least}; equal values have no order`)
  const ranked = rank(first, second)
  const pairs = first.length * second.length
  const u = ranked.rankSum - (first.length * (first.length + 1)) / 2
  const exact = isCountable(first.length, second.length)
  const { logGreater, logLess } = exact
    ? exactTails(ranked, first.length, second.length)
    : normalTails(ranked, u, pairs)
  const shift = medianDifference(first, second)
  return {
    ok: true,
    ...sidedPValues(logGreater, logLess),
    u,
    commonLanguage: u / pairs,
    method: exact ? 'exact' : 'normal',
    shift,
    shiftInterval: shiftInterval(first, second, alpha, shift),
  }
}

function checkSamples(candidate: readonly number[], stable: readonly number[]): Failure | undefined {
  const size = candidate.length + stable.length
  if (size > RANKED_VALUES_MAX) return invalid(`there are ${size} values; at most ${RANKED_VALUES_MAX} are ranked`)
  return checkValues('candidate', candidate) ?? checkValues('stable', stable)
}

function checkValues(name: string, values: readonly number[]): Failure | undefined {
  if (values.length === 0) return insufficient(`${name} has no values; a comparison by ranks needs at least 1`)
  const wrong = values.findIndex(value => !Number.isFinite(value))
  return wrong < 0 ? undefined : invalid(`value ${wrong} of ${name} is ${values[wrong]}; it must be a finite number`)
}

/** The first sample's sum of midranks among all values, and the groups of equal values in ascending order. */
type Ranked = { readonly rankSum: number; readonly groups: readonly number[] }

function rank(first: Float64Array, second: Float64Array): Ranked {
  const groups: number[] = []
  let rankSum = 0
  let i = 0
  let j = 0
  while (i < first.length || j < second.length) {
    const value = Math.min(first[i] ?? Number.POSITIVE_INFINITY, second[j] ?? Number.POSITIVE_INFINITY)
    const before = i + j
    const own = i
    while (first[i] === value) i += 1
    while (second[j] === value) j += 1
    const size = i + j - before
    rankSum += (i - own) * (before + (size + 1) / 2)
    groups.push(size)
  }
  return { rankSum, groups }
}

/** Counts the smaller sample's rank sums; what it lacks of all ranks is the larger one's. */
function exactTails({ rankSum, groups }: Ranked, first: number, second: number): LogTails {
  let before = 0
  const doubledRanks = groups.flatMap(group => {
    const midrank = 2 * before + group + 1
    before += group
    return Array.from({ length: group }, () => midrank)
  })
  const counts = rankSumCounts(doubledRanks, Math.min(first, second))
  if (first <= second) return logTailsOf(counts, 2 * rankSum)
  const { logGreater, logLess } = logTailsOf(counts, before * (before + 1) - 2 * rankSum)
  return { logGreater: logLess, logLess: logGreater }
}

function normalTails({ groups }: Ranked, u: number, pairs: number): LogTails {
  const size = groups.reduce((sum, group) => sum + group, 0)
  const ties = groups.reduce((sum, group) => sum + (group / size) * ((group * group - 1) / (size - 1)), 0)
  const deviation = Math.sqrt((pairs / 12) * (size + 1 - ties))
  const distance = u - pairs / 2
  return {
    logGreater: logNormalSurvival((distance - 0.5) / deviation),
    logLess: logNormalSurvival((-distance - 0.5) / deviation),
  }
}

function shiftInterval(first: Float64Array, second: Float64Array, alpha: number, estimate: number): Result<Interval> {
  const pairs = first.length * second.length
  const rank = isCountable(first.length, second.length)
    ? exactRank(first.length, second.length, alpha)
    : Math.floor(
        pairs / 2 + 0.5 + normalQuantile(alpha / 2) * Math.sqrt((pairs / 12) * (first.length + second.length + 1)),
      )
  if (rank < 1)
    return insufficient(`${first.length} and ${second.length} values are too few for an interval at alpha ${alpha}`)
  return {
    ok: true,
    estimate,
    lower: differenceOfRank(first, second, rank),
    upper: differenceOfRank(first, second, pairs + 1 - rank),
  }
}

/** How many values of U from 0 up have a probability of at most alpha/2 together, without ties. */
function exactRank(first: number, second: number, alpha: number): number {
  const doubledRanks = Array.from({ length: first + second }, (_, index) => 2 * (index + 1))
  return Math.min(
    sumsWithin(rankSumCounts(doubledRanks, Math.min(first, second)), 2, alpha / 2),
    Math.floor((first * second + 1) / 2),
  )
}
