/** The comparison behind a check: what is asked of the strata of two versions, and what every method answers. */
import type { Result } from '../../stats/result.ts'
import type { Outcomes } from '../../stats/sequential/bernoulli-mixture.ts'
import { compareMeans, type MeanStratum } from '../../stats/sequential/compare-means.ts'
import { compareProportions } from '../../stats/sequential/compare-proportions.ts'
import type { Scale } from '../metric-check.ts'

export type RateStratum = { readonly candidate: Outcomes; readonly stable: Outcomes }

export type MeansQuestion = {
  strata: readonly MeanStratum[]
  margin: number
  scale: Scale
  alpha: number
  better: 'higher' | 'lower'
}

/** Of harmful events: less is better. */
export type RatesQuestion = { strata: readonly RateStratum[]; margin: number; alpha: number }

/** candidate - stable, or candidate / stable - 1, with limits that each are wrong with a chance of alpha at most. */
export type Compared = {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  /** Whether it is decided that the difference is above, or below, the margin. */
  readonly above: boolean
  readonly below: boolean
  /** Natural logarithms, decided at log(1/alpha); null where the method has none. */
  readonly logEvidenceAbove: number | null
  readonly logEvidenceBelow: number | null
  readonly posterior?: Posterior
}

/** What is believed after the data: the chance that the candidate is better, and what choosing either loses on average. */
export type Posterior = {
  readonly chance: number
  readonly loss: { readonly candidate: number; readonly stable: number }
}

export type Methods = {
  /** It is asked at any time, and so of arms that have met few events yet. */
  isSequential: boolean
  means(question: MeansQuestion): Result<Compared>
  rates(question: RatesQuestion): Result<Compared>
  /** For people; `cluster` is what is independent: units or rows. */
  meansName(cluster: string): string
  ratesName: string
}

/** Valid however often one looks: what every check is judged by unless its stage says otherwise. */
export const sequentialMethods: Methods = sequentialFor(undefined)

/** The same, tuned for a sample that was planned before the first look. */
export function sequentialFor(tunedFor: number | undefined): Methods {
  return {
    isSequential: true,
    means: question => compareMeans({ ...question, ...(tunedFor !== undefined && { tunedFor }) }),
    rates(question) {
      const result = compareProportions(question)
      return result.ok ? { ...result, above: result.crossed, below: result.shownBelow } : result
    },
    meansName: cluster =>
      `normal mixture over epochs${tunedFor === undefined ? '' : ` tuned for ${Math.round(tunedFor)}`}, by ${cluster}, time-uniform (asymptotic)`,
    ratesName: 'mixture e-process per epoch, time-uniform',
  }
}
