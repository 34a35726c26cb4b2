import { type Failure, invalid, type Result } from '../result.ts'
import { editDistance } from './edit-distance.ts'

/** How alike two answers are, from 0 to 1, and whether that counts as agreement. */
export type Agreement = { readonly score: number; readonly agrees: boolean }

/** A class or an exact answer. */
export type Label = string | number | boolean

/** The longest text compared, in code points after NFC: a comparison takes the square of it, here tens of milliseconds. */
export const TEXT_LENGTH_MAX = 2000

/**
 * Whether two answers are the same label. 1 and '1' are different labels.
 *
 * @use For classes and exact answers.
 * @assumes Nothing.
 * @formula score = 1 if equal, else 0.
 * @source None needed: identity.
 * @degenerate NaN is invalid.
 */
export function labelAgreement({ first, second }: { first: Label; second: Label }): Result<Agreement> {
  if (Number.isNaN(first) || Number.isNaN(second)) return invalid('a label is NaN, which is no label')
  const agrees = first === second
  return { ok: true, score: agrees ? 1 : 0, agrees }
}

/**
 * Whether two numbers are within a tolerance: absolute, in their unit, or relative to the larger of them, whichever
 * allows more.
 *
 * @use For regression answers and scores. Relative alone never lets anything agree with 0.
 * @assumes Nothing.
 * @formula agrees if |a - b| <= max(absolute, relative max(|a|, |b|)); score = 1 within the tolerance, tolerance / |a - b|
 *   beyond.
 * @source The tolerance is that of Python's math.isclose (PEP 485).
 * @degenerate Numbers that are not finite and negative tolerances are invalid. With a tolerance of 0 the score is 0 or 1.
 */
export function numberAgreement({
  first,
  second,
  absolute = 0,
  relative = 0,
}: {
  first: number
  second: number
  absolute?: number
  relative?: number
}): Result<Agreement> {
  const bad =
    checkFinite([first, second]) ?? checkTolerance('absolute', absolute) ?? checkTolerance('relative', relative)
  if (bad !== undefined) return bad
  const tolerance = Math.max(absolute, Math.min(relative, 2) * Math.max(Math.abs(first), Math.abs(second)))
  return within(Math.abs(first - second), tolerance)
}

/**
 * Whether two vectors of equal length point in about the same direction, or differ by little in every element.
 *
 * @use `cosineMin` for embeddings, whose length means nothing; `distanceMax` for probabilities and tensors.
 * @assumes Nothing.
 * @formula cosine: score = max(0, a.b / (|a| |b|)), agrees from `cosineMin` on; distance: as `numberAgreement` with the
 *   greatest |a_i - b_i| and the tolerance `distanceMax`.
 * @source Salton & McGill, "Introduction to Modern Information Retrieval" (1983), for the cosine.
 * @degenerate Vectors of different lengths score 0 and disagree: an answer changed its shape. Against the cosine two zero
 *   vectors (and two empty ones) score 1 and a zero vector with another 0. Elements that are not finite are invalid.
 */
export function vectorAgreement({
  first,
  second,
  by,
}: {
  first: readonly number[]
  second: readonly number[]
  by: { readonly cosineMin: number } | { readonly distanceMax: number }
}): Result<Agreement> {
  const bad = checkFinite(first) ?? checkFinite(second) ?? checkMeasure(by)
  if (bad !== undefined) return bad
  if (first.length !== second.length) return { ok: true, score: 0, agrees: false }
  if ('distanceMax' in by) {
    const distance = first.reduce(
      (greatest, value, index) => Math.max(greatest, Math.abs(value - (second[index] ?? 0))),
      0,
    )
    return within(distance, by.distanceMax)
  }
  const score = Math.min(1, Math.max(0, cosineOf(first, second)))
  return { ok: true, score, agrees: score >= by.cosineMin }
}

/**
 * How alike two texts are by the edits that turn one into the other: inserted, deleted and replaced code points.
 *
 * @use For short generated text: names, codes, one answer. It sees spelling, not meaning.
 * @assumes Nothing. Texts are compared in Unicode's composed form (NFC); upper and lower case differ.
 * @formula score = 1 - edits / (length of the longer text); agrees from `similarityMin` on.
 * @source Levenshtein, Soviet Physics Doklady 10 (1966); Wagner & Fischer, JACM 21 (1974).
 * @degenerate Two empty texts score 1. Different texts of which one is longer than 2000 code points (`TEXT_LENGTH_MAX`)
 *   are refused as invalid; equal ones score 1 at any length.
 */
export function textAgreement({
  first,
  second,
  similarityMin,
}: {
  first: string
  second: string
  similarityMin: number
}): Result<Agreement> {
  if (!(similarityMin >= 0 && similarityMin <= 1))
    return invalid(`similarityMin is ${similarityMin}; it must be from 0 to 1`)
  const one = first.normalize('NFC')
  const other = second.normalize('NFC')
  if (one === other) return { ok: true, score: 1, agrees: true }
  // A text has at most twice as many code units as code points: a first check that splits no huge text.
  const units = Math.max(one.length, other.length)
  if (units > 2 * TEXT_LENGTH_MAX) return tooLong()
  const [a, b] = [[...one], [...other]]
  const length = Math.max(a.length, b.length)
  if (length > TEXT_LENGTH_MAX) return tooLong()
  const score = 1 - editDistance(a, b) / length
  return { ok: true, score, agrees: score >= similarityMin }
}

function within(distance: number, tolerance: number): Result<Agreement> {
  const agrees = distance <= tolerance
  return { ok: true, score: agrees ? 1 : tolerance / distance, agrees }
}

/** With both vectors scaled by their largest element, so that no square overflows. */
function cosineOf(first: readonly number[], second: readonly number[]): number {
  const greatest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const [ofFirst, ofSecond] = [greatest(first), greatest(second)]
  if (ofFirst === 0 || ofSecond === 0) return ofFirst === ofSecond ? 1 : 0
  let product = 0
  let firstSquare = 0
  let secondSquare = 0
  for (const [index, value] of first.entries()) {
    const a = value / ofFirst
    const b = (second[index] ?? 0) / ofSecond
    product += a * b
    firstSquare += a * a
    secondSquare += b * b
  }
  return product / Math.sqrt(firstSquare * secondSquare)
}

function checkFinite(values: readonly number[]): Failure | undefined {
  const index = values.findIndex(value => !Number.isFinite(value))
  return index < 0 ? undefined : invalid(`element ${index} is ${values[index]}; every number must be finite`)
}

function checkTolerance(name: string, tolerance: number): Failure | undefined {
  if (tolerance >= 0 && tolerance < Number.POSITIVE_INFINITY) return undefined
  return invalid(`the ${name} tolerance is ${tolerance}; it must be finite and at least 0`)
}

function checkMeasure(by: { readonly cosineMin: number } | { readonly distanceMax: number }): Failure | undefined {
  if ('distanceMax' in by) return checkTolerance('distanceMax', by.distanceMax)
  if (by.cosineMin >= 0 && by.cosineMin <= 1) return undefined
  return invalid(`cosineMin is ${by.cosineMin}; it must be from 0 to 1`)
}

function tooLong(): Failure {
  return invalid(`a text is longer than ${TEXT_LENGTH_MAX} characters, the most that are compared`)
}
