import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'

/** A number that describes one ranked list. */
export type ListQuality = Result<{ readonly value: number }>

/** How a grade of relevance counts: 2^grade - 1, which favours the best results, or the grade itself. */
export type Gain = 'exponential' | 'linear'

/** 2^grade stays exact in a double beyond this; grades are usually 0 to 4. */
const GRADE_MAX = 50

/**
 * One over the position of the first relevant result of a ranked list, best first; 0 if none is relevant.
 *
 * @use Where one right result is enough. Its mean over lists is the mean reciprocal rank.
 * @assumes Nothing.
 * @formula 1 / (position of the first relevant result, from 1).
 * @source Voorhees, "The TREC-8 question answering track report", TREC 1999.
 * @degenerate An empty list is 0, as one without a relevant result.
 */
export function reciprocalRank(relevant: readonly boolean[]): ListQuality {
  const position = relevant.indexOf(true)
  return { ok: true, value: position < 0 ? 0 : 1 / (position + 1) }
}

/**
 * The normalised discounted cumulative gain of the first `k` results: `grades` of relevance in the order of the list,
 * against the best order of `judged`, all grades known for the query (those of the list by default).
 *
 * @use For graded relevance. Pass `judged` where relevant results can be missing from the list; without it the order
 *   alone is measured.
 * @assumes Results without a grade are graded 0 by the caller.
 * @formula DCG@k / ideal DCG@k, DCG@k = sum_{i <= k} gain(grade_i) / log2(i + 1), gain 2^grade - 1 or the grade.
 * @source Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20 (2002)
 *   10.1145/582415.582418; exponential gain and this discount: Burges et al., "Learning to rank using gradient descent",
 *   ICML 2005.
 * @degenerate If no result is relevant it is insufficient. Grades outside [0, 50] and a k that is not whole or below 1 are
 *   invalid. A list shorter than k gains nothing at the missing positions.
 */
export function ndcg({
  grades,
  k,
  gain = 'exponential',
  judged = grades,
}: {
  grades: readonly number[]
  k: number
  gain?: Gain
  judged?: readonly number[]
}): ListQuality {
  const bad = checkPosition(k) ?? checkGrades(grades) ?? checkGrades(judged)
  if (bad !== undefined) return bad
  const ideal = discountedGain(
    judged.toSorted((a, b) => b - a),
    k,
    gain,
  )
  if (ideal === 0) return insufficient('no result is relevant, so that no order is better than another')
  const value = discountedGain(grades, k, gain) / ideal
  if (value > 1 + 1e-12)
    return invalid('the list gains more than the best order of `judged`, which must hold its grades')
  return { ok: true, value: Math.min(1, value) }
}

/**
 * The share of relevant results among the first `k` of a ranked list.
 *
 * @use Where k results are shown and each counts alike.
 * @assumes Nothing.
 * @formula (relevant results among the first k) / k; a shorter list is judged as if filled with irrelevant ones.
 * @source Manning, Raghavan & Schütze, "Introduction to Information Retrieval" (2008), section 8.4.
 * @degenerate A k that is not whole or below 1 is invalid.
 */
export function precisionAt({ relevant, k }: { relevant: readonly boolean[]; k: number }): ListQuality {
  return checkPosition(k) ?? { ok: true, value: hitsIn(relevant.slice(0, k)) / k }
}

/**
 * The share of all `relevantTotal` relevant results that is among the first `k` of a ranked list.
 *
 * @use Where missing a relevant result costs.
 * @assumes `relevantTotal` counts those of the list too.
 * @formula (relevant results among the first k) / relevantTotal.
 * @source As `precisionAt`.
 * @degenerate Without any relevant result insufficient; a total below that of the list is invalid.
 */
export function recallAt({
  relevant,
  k,
  relevantTotal,
}: {
  relevant: readonly boolean[]
  k: number
  relevantTotal: number
}): ListQuality {
  const bad = checkPosition(k) ?? checkTotal(relevant, relevantTotal)
  return bad ?? { ok: true, value: hitsIn(relevant.slice(0, k)) / relevantTotal }
}

/**
 * The average precision of a ranked list: the mean, over all relevant results, of the precision at their positions.
 *
 * @use Where both order and completeness count. Its mean over lists is MAP. `relevantTotal` is the number of relevant
 *   results there are (those of the list by default); one that the list misses counts 0.
 * @assumes `relevantTotal` counts those of the list too.
 * @formula sum over relevant positions i of precision@i, / relevantTotal.
 * @source As `precisionAt`.
 * @degenerate As `recallAt`.
 */
export function averagePrecision({
  relevant,
  relevantTotal = hitsIn(relevant),
}: {
  relevant: readonly boolean[]
  relevantTotal?: number
}): ListQuality {
  const bad = checkTotal(relevant, relevantTotal)
  if (bad !== undefined) return bad
  let hits = 0
  let sum = 0
  for (const [index, hit] of relevant.entries()) {
    if (!hit) continue
    hits += 1
    sum += hits / (index + 1)
  }
  return { ok: true, value: sum / relevantTotal }
}

function discountedGain(grades: readonly number[], k: number, gain: Gain): number {
  return grades.slice(0, k).reduce((sum, grade, index) => {
    return sum + (gain === 'linear' ? grade : 2 ** grade - 1) / Math.log2(index + 2)
  }, 0)
}

function hitsIn(relevant: readonly boolean[]): number {
  return relevant.filter(hit => hit).length
}

function checkPosition(k: number): Failure | undefined {
  if (Number.isSafeInteger(k) && k >= 1) return undefined
  return invalid(`k is ${k}; it must be a whole number from 1`)
}

function checkGrades(grades: readonly number[]): Failure | undefined {
  const index = grades.findIndex(grade => !(grade >= 0 && grade <= GRADE_MAX))
  if (index < 0) return undefined
  return invalid(`the grade at position ${index + 1} is ${grades[index]}; it must be from 0 to ${GRADE_MAX}`)
}

function checkTotal(relevant: readonly boolean[], relevantTotal: number): Failure | undefined {
  const bad = checkCount('relevantTotal', relevantTotal)
  if (bad !== undefined) return bad
  const hits = hitsIn(relevant)
  if (relevantTotal < hits)
    return invalid(`relevantTotal is ${relevantTotal}, but the list has ${hits} relevant results`)
  if (relevantTotal > 0) return undefined
  return insufficient('there is no relevant result to be found')
}
