import { checkCount, type Failure, insufficient, invalid, type Result } from '../result.ts'

/** Counts of the same bins in two samples, in the same order. */
export type CountPair = { readonly reference: readonly number[]; readonly current: readonly number[] }

/** One bin that holds rows of at least one sample. */
export type OccupiedBin = { readonly reference: number; readonly current: number }

/** The bins that any row fell into, with the rows of both samples; refuses counts that cannot be, and empty samples. */
export function occupiedBins({ reference, current }: CountPair): Result<{
  bins: readonly OccupiedBin[]
  referenceRows: number
  currentRows: number
}> {
  const bad = checkCounts('the reference', reference) ?? checkCounts('the current sample', current)
  if (bad !== undefined) return bad
  if (reference.length !== current.length)
    return invalid(`the reference has ${reference.length} bins and the current sample ${current.length}`)
  const referenceRows = sumOf(reference)
  const currentRows = sumOf(current)
  if (referenceRows === 0 || currentRows === 0)
    return insufficient(`both samples need rows; the reference has ${referenceRows} and the current one ${currentRows}`)
  const all = reference.map((count, bin) => ({ reference: count, current: current[bin] ?? 0 }))
  return { ok: true, bins: all.filter(bin => bin.reference + bin.current > 0), referenceRows, currentRows }
}

function checkCounts(name: string, counts: readonly number[]): Failure | undefined {
  for (const [bin, count] of counts.entries()) {
    const bad = checkCount(`the count of bin ${bin} of ${name}`, count)
    if (bad !== undefined) return bad
  }
  return checkCount(`the number of rows of ${name}`, sumOf(counts))
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
