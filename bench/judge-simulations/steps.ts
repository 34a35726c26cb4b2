/** The step of a ramp of equally long steps at a time from 0 to 1. */
export function stepAt(shares: readonly number[], time: number): number {
  return Math.min(shares.length - 1, Math.floor(time * shares.length))
}
