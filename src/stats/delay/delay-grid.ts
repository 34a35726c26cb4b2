/** Bins in which a delay grows tenfold: each is 12 % wider than the one before. */
const BINS_PER_DECADE = 20

/** From 1 ms to 10^10.55 ms, 410 days: chargebacks and yearly renewals are on the grid, a slip of a clock is not. */
export const DELAY_BINS = 212

/** Ends are rounded to this many parts of a millisecond, so that no last bit of a power decides where a delay falls. */
const PARTS_PER_MS = 100

const ends = Float64Array.from(
  { length: DELAY_BINS },
  (_, bin) => Math.round(10 ** (bin / BINS_PER_DECADE) * PARTS_PER_MS) / PARTS_PER_MS,
)

/**
 * The bin of the fixed logarithmic grid in which a delay lies: the first whose end is not below it. Bin 0 ends at 1 ms
 * and takes what came before its prediction as well; `DELAY_BINS` is the answer to a delay beyond the grid.
 */
export function delayBin(delayMs: number): number {
  return countWhere(end => end < delayMs)
}

/** The last bin whose whole range an age covers, so that a label within it would have been seen; -1 below 1 ms. */
export function lastBinWithin(ageMs: number): number {
  return countWhere(end => end <= ageMs) - 1
}

/** The greatest delay of a bin, in milliseconds; of a bin beyond the grid that of the last one. */
export function delayBinEndMs(bin: number): number {
  return ends[Math.min(Math.max(0, bin), DELAY_BINS - 1)] ?? 0
}

/** How many ends satisfy a condition that holds for all ends up to some one. */
function countWhere(holds: (end: number) => boolean): number {
  let low = 0
  let high = DELAY_BINS
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(ends[middle] ?? 0)) low = middle + 1
    else high = middle
  }
  return low
}
