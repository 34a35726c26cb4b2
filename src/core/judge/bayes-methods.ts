/**
 * By what is believed after the data: a normal posterior of the effect with a prior around no effect. Choosing by expected
 * loss bounds what a wrong choice costs; it does not bound how often one is made, the less so the more often one looks.
 */
import { gaussianComparison } from '../../stats/bayes/gaussian.ts'
import type { Result } from '../../stats/result.ts'
import { compareMeans, type MeanArm, type MeanStratum } from '../../stats/sequential/compare-means.ts'
import { asMeans } from './collapse.ts'
import type { Compared, MeansQuestion, Methods } from './methods.ts'

/** In the unit of the goal's scale; `prior` is a standard deviation. */
export type Threshold = { loss: number; chance: number; prior: number }

export function bayesMethods(threshold: Threshold): Methods {
  const means = (question: MeansQuestion) => compareBeliefs(question, threshold)
  return {
    isSequential: false,
    means,
    rates: ({ strata, margin, alpha }) =>
      means({ strata: asMeans(strata).map(withDoubt), margin, scale: 'absolute', alpha, better: 'lower' }),
    meansName: cluster => `normal posterior, by ${cluster}; prior standard deviation ${threshold.prior}`,
    ratesName: `normal posterior; prior standard deviation ${threshold.prior}`,
  }
}

/** Where the one version always says yes and the other one never, or both the same, half a count is what may not have been met yet. */
function withDoubt({ candidate, stable }: MeanStratum): MeanStratum {
  if (candidate.variance + stable.variance > 0) return { candidate, stable }
  const doubted = (arm: MeanArm) => {
    const share = 0.5 / (arm.n + 1)
    return { ...arm, variance: share * (1 - share) }
  }
  return { candidate: doubted(candidate), stable: doubted(stable) }
}

/** The estimate over epochs and its standard error are those of the sequential comparison. */
function compareBeliefs(question: MeansQuestion, { loss, chance, prior }: Threshold): Result<Compared> {
  const { strata, scale, alpha, better } = question
  const found = compareMeans({ strata, margin: 0, scale, alpha })
  if (!found.ok) return found
  const believed = gaussianComparison({
    estimate: found.estimate,
    standardError: found.standardError,
    prior: { mean: 0, standardDeviation: prior },
    better,
    // A credible interval each of whose ends is wrong with a chance of alpha.
    alpha: 2 * alpha,
    caring: loss,
  })
  if (!believed.ok) return believed
  const { chanceToWin, expectedLoss, credible, acceptable } = believed
  const wins = chanceToWin >= chance && acceptable?.candidate === true
  const loses = chanceToWin <= 1 - chance && acceptable?.stable === true
  return {
    ok: true,
    ...credible,
    above: better === 'higher' ? wins : loses,
    below: better === 'higher' ? loses : wins,
    logEvidenceAbove: null,
    logEvidenceBelow: null,
    posterior: { chance: chanceToWin, loss: expectedLoss },
  }
}
