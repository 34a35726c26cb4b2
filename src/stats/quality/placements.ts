import { checkCount, type Failure, insufficient, invalid } from '../result.ts'

/** Counts of scores in bins from the lowest score to the highest, apart for the two classes; scores of one bin tie. */
export type ScoreBins = { readonly positives: readonly number[]; readonly negatives: readonly number[] }

/** Each row's score and whether its label is positive. */
export type ScoredLabels = { readonly labels: readonly boolean[]; readonly scores: readonly number[] }

/**
 * How many rows of the other class a row of each bin is on the right side of, counted twice so that a tie, which counts
 * half, stays whole: for a positive row the negatives below it, for a negative row the positives above it. These are
 * the structural components of DeLong, times twice the size of the other class.
 */
export type Placements = {
  readonly ofPositives: readonly number[]
  readonly ofNegatives: readonly number[]
  readonly positives: number
  readonly negatives: number
}

/** The placements of every bin. */
export function placementsOf({ positives, negatives }: ScoreBins): Placements {
  const totals = { positives: sumOf(positives), negatives: sumOf(negatives) }
  let below = 0
  let above = totals.positives
  const ofPositives: number[] = []
  const ofNegatives: number[] = []
  for (const [bin, count] of positives.entries()) {
    const others = negatives[bin] ?? 0
    above -= count
    ofPositives.push(2 * below + others)
    ofNegatives.push(2 * above + count)
    below += others
  }
  return { ofPositives, ofNegatives, ...totals }
}

/** One bin for each distinct score, and which bin each row is in; by sorting, so in O(n log n). */
export function binsOfRows({ labels, scores }: ScoredLabels): ScoreBins & { readonly binOfRow: readonly number[] } {
  const distinct = Float64Array.from(scores)
    .sort()
    .filter((score, index, sorted) => score !== sorted[index - 1])
  const positives = new Array<number>(distinct.length).fill(0)
  const negatives = new Array<number>(distinct.length).fill(0)
  const binOfRow = scores.map(score => placeOf(score, distinct))
  for (const [row, bin] of binOfRow.entries()) {
    const counts = labels[row] === true ? positives : negatives
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return { positives, negatives, binOfRow }
}

/** The position of a value in an ascending list that has it. */
function placeOf(value: number, ascending: Float64Array): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The mean and the centred sum of squares of values that occur `weights` times each, by West's update (CACM 22, 1979). */
export function spreadOf(values: Iterable<readonly [value: number, weight: number]>): { mean: number; m2: number } {
  let total = 0
  let mean = 0
  let m2 = 0
  for (const [value, weight] of values) {
    if (weight === 0) continue
    total += weight
    const difference = value - mean
    mean += (difference * weight) / total
    m2 += weight * difference * (value - mean)
  }
  return { mean, m2 }
}

/** Refuses rows that have no score or label each, or a score that is not finite. */
export function checkScores(name: string, { labels, scores }: ScoredLabels): Failure | undefined {
  if (labels.length !== scores.length)
    return invalid(`${name} has ${labels.length} labels and ${scores.length} scores; each row needs one of both`)
  const row = scores.findIndex(score => !Number.isFinite(score))
  if (row < 0) return undefined
  return invalid(`the score of row ${row} of ${name} is ${scores[row]}; it must be a finite number`)
}

/** Refuses bins whose two lists differ in length, or that hold anything but counts. */
export function checkBins(name: string, { positives, negatives }: ScoreBins): Failure | undefined {
  if (positives.length !== negatives.length)
    return invalid(`${name} has ${positives.length} bins of positives and ${negatives.length} of negatives`)
  for (const [bin, count] of [...positives, ...negatives].entries()) {
    const bad = checkCount(`the count of bin ${bin % positives.length} of ${name}`, count)
    if (bad !== undefined) return bad
  }
  return checkCount(`the number of rows of ${name}`, sumOf(positives) + sumOf(negatives))
}

/** Refuses fewer than 2 rows of a class: with none there is no AUC, with 1 no variance. */
export function checkClasses(name: string, positives: number, negatives: number): Failure | undefined {
  if (positives >= 2 && negatives >= 2) return undefined
  return insufficient(`${name} has ${positives} positive and ${negatives} negative rows; at least 2 of each are needed`)
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
