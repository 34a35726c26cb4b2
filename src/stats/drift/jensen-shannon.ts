import { deviance } from '../numerics/special.ts'
import type { Result } from '../result.ts'
import { type CountPair, occupiedBins } from './paired-counts.ts'

/** The unit of a divergence: bits (logarithms of base 2) or nats (of base e). */
export type DivergenceUnit = 'bits' | 'nats'

/** How far apart two distributions are. */
export type JensenShannon = {
  /** From 0 (equal shares) to 1 bit or ln 2 nats (no bin in common). */
  readonly divergence: number
  /** The square root of the divergence, which is a metric. Not the same number: 0.1 of one is 0.01 of the other. */
  readonly distance: number
  readonly unit: DivergenceUnit
}

/**
 * The Jensen-Shannon divergence and distance of two samples counted in the same bins.
 *
 * @use As a bounded size of drift that needs no smoothing. Not a test: samples of one distribution differ too, by a
 * divergence of about (B - 1)(1 / rows_reference + 1 / rows_current) / 8 nats.
 * @assumes The same bins for both samples.
 * @formula divergence = (KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2; distance = sqrt(divergence); in bits by default.
 * @source Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37, 1991;
 * Endres & Schindelin, A new metric for probability distributions, IEEE Transactions on Information Theory 49, 2003.
 * @degenerate An empty sample is insufficient. Bins empty in one sample or both need nothing special.
 */
export function jensenShannon({
  reference,
  current,
  unit = 'bits',
}: CountPair & { unit?: DivergenceUnit }): Result<JensenShannon> {
  const occupied = occupiedBins({ reference, current })
  if (!occupied.ok) return occupied
  let nats = 0
  for (const bin of occupied.bins) {
    const p = bin.reference / occupied.referenceRows
    const q = bin.current / occupied.currentRows
    nats += (deviance(p, (p + q) / 2) + deviance(q, (p + q) / 2)) / 2
  }
  const bounded = Math.min(Math.max(nats, 0), Math.LN2)
  const divergence = unit === 'bits' ? bounded / Math.LN2 : bounded
  return { ok: true, divergence, distance: Math.sqrt(divergence), unit }
}
