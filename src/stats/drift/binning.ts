import { checkCount, insufficient, invalid, type Result } from '../result.ts'
import { addToMoments, emptyMoments, type Moments } from '../summaries/moments.ts'
import { quantileEdges } from './quantile-edges.ts'

const BINS_MAX = 1000

/** The bins of a number and what the reference had in them; plain JSON. */
export type NumberReference = {
  readonly kind: 'number'
  /** Ascending; bin k holds values above edge k - 1 up to and including edge k, the last one all above the last edge. */
  readonly edges: readonly number[]
  /** Where binned distances count the rows of each bin: the mean of the reference's values there, or of the edges. */
  readonly positions: readonly number[]
  /** Of the values that are not missing. */
  readonly moments: Moments
  /** One count a bin, the missing values last. */
  readonly counts: readonly number[]
}

/** The categories of a text and what the reference had in them; plain JSON. */
export type TextReference = {
  readonly kind: 'text'
  /** In the order of their code units. */
  readonly categories: readonly string[]
  /** One count a category, then all others, then the missing values. */
  readonly counts: readonly number[]
}

export type DriftReference = NumberReference | TextReference

/** The value of a feature in one row; null if it is missing. */
export type FeatureValue = number | string | null

/** Counts in the bins of a reference. Plain JSON, but updated in place: a copy a value would cost the number of bins. */
export type Histogram = { readonly counts: number[] }

/**
 * Bins of equal share of a numeric feature, fixed by the reference alone, with its counts. The current data never move
 * them, so that histograms of different windows can be compared and merged.
 *
 * @use Once for each feature of a reference window; then count current values with `addToHistogram`.
 * @assumes Missing values are null; they have a bin of their own and count in the shares.
 * @formula Edges at the order statistics of rank ceil(k n / bins). A value that is the edge of two bins or the least of
 * all becomes a bin of its own, so that a change around zeros or a constant is seen.
 * @source Hyndman & Fan, Sample quantiles in statistical packages, The American Statistician 50, 1996 (definition 1).
 * @degenerate Fewer values than bins are insufficient. A constant gives three bins: below, equal, above. NaN and infinite
 * values are invalid.
 */
export function numberReference({
  values,
  bins = 10,
}: {
  values: readonly (number | null)[]
  bins?: number
}): Result<{ reference: NumberReference }> {
  if (!(Number.isInteger(bins) && bins >= 2 && bins <= BINS_MAX))
    return invalid(`bins is ${bins}; it must be a whole number from 2 to ${BINS_MAX}`)
  const present = values.filter(value => value !== null)
  if (!present.every(Number.isFinite)) return invalid('a value is not a finite number; a missing value must be null')
  if (present.length < bins) return insufficient(`${bins} bins need as many values; there are ${present.length}`)
  const edges = quantileEdges(present, bins)
  const perBin = Array.from({ length: edges.length + 1 }, () => emptyMoments)
  let moments = emptyMoments
  for (const value of present) {
    const bin = numberBin(edges, value)
    const inBin = addToMoments(perBin[bin] ?? emptyMoments, value)
    const inAll = addToMoments(moments, value)
    if (!inBin.ok) return inBin
    if (!inAll.ok) return inAll
    perBin[bin] = inBin.moments
    moments = inAll.moments
  }
  const positions = perBin.map((inBin, bin) => (inBin.n > 0 ? inBin.mean : middleOf(edges, bin)))
  const counts = [...perBin.map(({ n }) => n), values.length - present.length]
  return { ok: true, reference: { kind: 'number', edges, positions, moments, counts } }
}

/**
 * The most frequent categories of a text feature, fixed by the reference alone, with a bin for all others and one for
 * missing values, and the reference's counts.
 *
 * @use Once for each feature of a reference window; then count current values with `addToHistogram`.
 * @assumes Missing values are null; an empty text is a category.
 * @formula The `categoriesMax` most frequent texts, ties by code units; everything else is "other".
 * @source None needed: counts.
 * @degenerate A reference without any value that is not missing is insufficient.
 */
export function textReference({
  values,
  categoriesMax = 50,
}: {
  values: readonly (string | null)[]
  categoriesMax?: number
}): Result<{ reference: TextReference }> {
  if (!(Number.isInteger(categoriesMax) && categoriesMax >= 1 && categoriesMax <= BINS_MAX))
    return invalid(`categoriesMax is ${categoriesMax}; it must be a whole number from 1 to ${BINS_MAX}`)
  const frequencies = new Map<string, number>()
  for (const value of values) if (value !== null) frequencies.set(value, (frequencies.get(value) ?? 0) + 1)
  if (frequencies.size === 0) return insufficient('the reference has no value that is not missing')
  const byFrequency = [...frequencies].sort(([a, n], [b, m]) => m - n || compareTexts(a, b))
  const kept = byFrequency.slice(0, categoriesMax).sort(([a], [b]) => compareTexts(a, b))
  const other = byFrequency.slice(categoriesMax).reduce((sum, [, count]) => sum + count, 0)
  const missing = values.filter(value => value === null).length
  const categories = kept.map(([category]) => category)
  return { ok: true, reference: { kind: 'text', categories, counts: [...kept.map(([, n]) => n), other, missing] } }
}

/** No values in the bins of a reference. */
export function emptyHistogram(reference: DriftReference): Histogram {
  return { counts: reference.counts.map(() => 0) }
}

/** Counts one value, in place, in O(log bins); refuses a value of another kind and numbers that are not finite. */
export function addToHistogram({
  reference,
  histogram,
  value,
}: {
  reference: DriftReference
  histogram: Histogram
  value: FeatureValue
}): Result<{ bin: number }> {
  const { counts } = histogram
  if (counts.length !== reference.counts.length)
    return invalid(`the histogram has ${counts.length} bins and its reference ${reference.counts.length}`)
  const found = binOf(reference, value)
  if (!found.ok) return found
  counts[found.bin] = (counts[found.bin] ?? 0) + 1
  return found
}

/** The counts of both, of the same reference. */
export function mergeHistograms({
  first,
  second,
}: {
  first: Histogram
  second: Histogram
}): Result<{ histogram: Histogram }> {
  if (first.counts.length !== second.counts.length)
    return invalid(`histograms of ${first.counts.length} and ${second.counts.length} bins cannot be merged`)
  const counts = first.counts.map((count, bin) => count + (second.counts[bin] ?? 0))
  for (const [bin, count] of counts.entries()) {
    const bad = checkCount(`the merged count of bin ${bin}`, count)
    if (bad !== undefined) return bad
  }
  return { ok: true, histogram: { counts } }
}

function binOf(reference: DriftReference, value: FeatureValue): Result<{ bin: number }> {
  const missing = reference.counts.length - 1
  if (value === null) return { ok: true, bin: missing }
  if (reference.kind === 'text') {
    if (typeof value !== 'string') return invalid(`the value ${value} is not a text, as those of the reference are`)
    return { ok: true, bin: categoryBin(reference.categories, value) }
  }
  if (typeof value !== 'number') return invalid('a text among the values of a number; a missing value must be null')
  if (!Number.isFinite(value)) return invalid(`the value is ${value}; a missing value must be null`)
  return { ok: true, bin: numberBin(reference.edges, value) }
}

function numberBin(edges: readonly number[], value: number): number {
  return firstIndex(edges.length, index => (edges[index] ?? 0) >= value)
}

function categoryBin(categories: readonly string[], value: string): number {
  const index = firstIndex(categories.length, at => (categories[at] ?? '') >= value)
  return categories[index] === value ? index : categories.length
}

/** The first index for which a condition holds that holds for all greater ones; `length` if there is none. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Between the edges of a bin, or at its only edge if it is open. */
function middleOf(edges: readonly number[], bin: number): number {
  const low = edges[bin - 1] ?? edges[bin] ?? 0
  const high = edges[bin] ?? low
  return low / 2 + high / 2
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
