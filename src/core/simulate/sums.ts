import type { Random } from '../../stats/numerics/random.ts'
import type { MetricEvidence } from '../evidence.ts'

/** What is drawn of one metric of one version in one epoch. */
export interface MetricSums {
  /** Rows or units that have a value. */
  add(random: Random, n: number): void
  /** Units that were met; where a total is counted they count as zero until their value comes. */
  meet(n: number): void
  read(): MetricEvidence
}
