/** Numbers and vectors of them: equal within a tolerance, or pointing the same way. */
import { type Closeness, differs, same, shown } from './comparison.ts'

export type Tolerance = { absolute: number; relative: number }

/** The relative tolerance is of the greater of the two, so that neither side is the measure of the other. */
export function compareNumbers(tolerance: Tolerance, champion: unknown, challenger: unknown): Closeness {
  if (!isNumber(champion) || !isNumber(challenger)) {
    return Object.is(champion, challenger) ? same : differs(`${shown(champion)} against ${shown(challenger)}`)
  }
  if (champion === challenger) return same
  const agree = isWithin(tolerance, champion, challenger)
  const distance = distanceOf(tolerance.absolute, champion, challenger)
  return { agree, distance, note: `${shown(champion)} against ${shown(challenger)}` }
}

function isWithin({ absolute, relative }: Tolerance, a: number, b: number): boolean {
  const greatest = Math.max(Math.abs(a), Math.abs(b))
  const gap = Math.abs(a - b)
  if (Number.isFinite(gap)) return gap <= Math.max(absolute, relative * greatest)
  return Math.abs(a / greatest - b / greatest) <= Math.max(absolute / greatest, relative)
}

/** The gap as a share of both sizes together, and of the absolute tolerance where they are small; scaled by the greatest, so that nothing overflows. */
function distanceOf(absolute: number, a: number, b: number): number {
  const scale = Math.max(Math.abs(a), Math.abs(b), absolute)
  const [x, y] = [a / scale, b / scale]
  return Math.min(1, Math.abs(x - y) / Math.max(Math.abs(x) + Math.abs(y), absolute / scale))
}

/** Element by element; the one that differs most is told. */
export function compareVectors(tolerance: Tolerance, champion: unknown, challenger: unknown): Closeness {
  const vectors = pairOf(champion, challenger)
  if (!('ours' in vectors)) return vectors
  let greatest = same
  let agree = true
  for (const [index, value] of vectors.ours.entries()) {
    const one = compareNumbers(tolerance, value, vectors.theirs[index])
    agree &&= one.agree
    if (one.distance > greatest.distance) greatest = { ...one, note: `element ${index}: ${one.note}` }
  }
  return { ...greatest, agree }
}

/** By the cosine of the angle between them; a vector of zeros points nowhere and is like another one alone. */
export function cosineCloseness({ least }: { least: number }, champion: unknown, challenger: unknown): Closeness {
  const vectors = pairOf(champion, challenger)
  if (!('ours' in vectors)) return vectors
  const cosine = cosineOf(vectors.ours, vectors.theirs)
  const agree = cosine >= least
  return { agree, distance: (1 - cosine) / 2, note: cosine === 1 ? '' : `cosine ${cosine.toFixed(4)}` }
}

function cosineOf(a: readonly number[], b: readonly number[]): number {
  if (a.every((value, index) => value === b[index])) return 1
  const [scaleA, scaleB] = [greatestOf(a), greatestOf(b)]
  if (scaleA === 0 || scaleB === 0) return 0
  let [product, squareA, squareB] = [0, 0, 0]
  for (const [index, value] of a.entries()) {
    const [x, y] = [value / scaleA, (b[index] ?? 0) / scaleB]
    product += x * y
    squareA += x * x
    squareB += y * y
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(squareA * squareB)))
}

function greatestOf(vector: readonly number[]): number {
  return vector.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0)
}

function pairOf(
  champion: unknown,
  challenger: unknown,
): { ours: readonly number[]; theirs: readonly number[] } | Closeness {
  const [ours, theirs] = [numbersOf(champion), numbersOf(challenger)]
  if (ours === null || theirs === null) {
    return ours === theirs && champion === challenger
      ? same
      : differs(`${shown(champion)} against ${shown(challenger)}`)
  }
  return ours.length === theirs.length ? { ours, theirs } : differs(`${ours.length} numbers against ${theirs.length}`)
}

function numbersOf(value: unknown): readonly number[] | null {
  if (isNumber(value)) return [value]
  return Array.isArray(value) && value.every(isNumber) ? value : null
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
