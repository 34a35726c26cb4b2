/** Whether a comparison says anything at all: assignment as planned, labels alike, a control that works. */
import { compareCoverage } from '../../stats/delay/coverage.ts'
import { sampleRatio } from '../../stats/sequential/sample-ratio.ts'
import type { Validity } from './judgement.ts'
import type { Pair, Sides } from './pairs.ts'
import { percent, sum } from './words.ts'

/** Above this rate of errors on the stable side a comparison with it says nothing. */
const stableErrorRateMax = 0.5
const stableErrorTrialsMin = 20

const unsplit = 'labels and control in order; one version came after the other, so there is no split to check'

/** Chances of a false alarm; different shares of labelled predictions are not called where `coverage` is left out. */
export type ValidityAlphas = { sampleRatio: number; coverage: number | undefined }

export function checkValidity(sides: Sides, pairs: readonly Pair[], alphas: ValidityAlphas): Validity {
  const strata = pairs.flatMap(({ share, stable, candidate }) =>
    share === null ? [] : [{ weights: [1 - share, share], counts: [stable.newUnits, candidate.newUnits] }],
  )
  const ratio = sampleRatio({ strata, alpha: alphas.sampleRatio })
  const numbers = ratio.ok
    ? { logEvidence: ratio.logEvidence, observed: ratio.observed, expected: ratio.expected }
    : { logEvidence: null, observed: [], expected: [] }
  if (ratio.ok && ratio.alarm) {
    const [stableUnits = 0, candidateUnits = 0] = ratio.observed
    const [stableExpected = 0, candidateExpected = 0] = ratio.expected
    const reason = `sample ratio mismatch: ${stableUnits} and ${candidateUnits} units where ${stableExpected.toFixed(0)} and ${candidateExpected.toFixed(0)} were expected`
    return { verdict: 'invalid', reason, ...numbers }
  }
  const labels = coverageOf(sides, pairs, alphas.coverage)
  if (labels?.alarm === true) return { verdict: 'invalid', reason: labels.reason, ...numbers, coverage: labels.numbers }
  const requests = sum(pairs, pair => pair.stable.requests)
  const errors = sum(pairs, pair => pair.stable.errors)
  if (requests >= stableErrorTrialsMin && errors / requests > stableErrorRateMax) {
    const reason = `control broken too: ${sides.stable} failed ${errors} of ${requests} requests`
    return { verdict: 'invalid', reason, ...numbers }
  }
  return {
    verdict: 'pass',
    reason: strata.length === 0 && pairs.length > 0 ? unsplit : 'sample ratio, labels and control in order',
    ...numbers,
    coverage: labels?.numbers ?? null,
  }
}

/** Versions whose predictions get labels at different rates are judged on different samples. */
function coverageOf(sides: Sides, pairs: readonly Pair[], alpha: number | undefined) {
  const strata = pairs.map(({ candidate, stable }) => ({
    candidate: { matured: candidate.matured, labelled: candidate.maturedLabelled },
    stable: { matured: stable.matured, labelled: stable.maturedLabelled },
  }))
  // Nobody labels anything: there is nothing to compare, and no check of labels can pass.
  if (alpha === undefined || strata.every(one => one.candidate.labelled + one.stable.labelled === 0)) return null
  const result = compareCoverage({ strata, alpha })
  if (!result.ok) return null
  const { alarm, logEvidence, candidateCoverage: candidate, stableCoverage: stable } = result
  const reason = `label coverage differs: ${percent(candidate)} of ${sides.candidate} against ${percent(stable)} of ${sides.stable} among matured predictions`
  return { alarm, reason, numbers: { logEvidence, candidate, stable } }
}
