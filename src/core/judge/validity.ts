/** Whether a comparison says anything at all: assignment as planned, labels alike, a control that works. */
import { compareCoverage, type MaturedCounts } from '../../stats/delay/coverage.ts'
import { type RatioStratum, sampleRatio } from '../../stats/sequential/sample-ratio.ts'
import type { EpochEvidence, VersionEvidence } from '../evidence.ts'
import { limits } from '../limits.ts'
import type { Weights } from '../traffic.ts'
import type { Counts, Validity } from './judgement.ts'
import type { Pair, Sides } from './pairs.ts'
import { byShare } from './strata.ts'
import { percent, sum } from './words.ts'

/** Above this rate of errors on the stable side a comparison with it says nothing. */
const stableErrorRateMax = 0.5
const stableErrorTrialsMin = 20

const unsplit = 'labels and control in order; one version came after the other, so there is no split to check'

/** Chances of a false alarm; different shares of labelled predictions are not called where `coverage` is left out. */
export type ValidityAlphas = { sampleRatio: number; coverage: number | undefined; manyEpochs?: boolean }

export function checkValidity(sides: Sides, pairs: readonly Pair[], alphas: ValidityAlphas): Validity {
  const strata = pairs.flatMap(({ share, stable, candidate }) =>
    share === null ? [] : [{ weights: [1 - share, share], counts: [stable.newUnits, candidate.newUnits] }],
  )
  const { numbers, alarm } = checkRatio(strata, alphas.sampleRatio)
  return alarm === null
    ? checkPair(sides, pairs, { alphas, numbers })
    : { verdict: 'invalid', reason: alarm, ...numbers }
}

/** Of several versions that serve together: whether units came to them by their weights, each to one alone. */
export function checkSplit(
  versions: readonly string[],
  epochs: readonly { weights: Weights; evidence: EpochEvidence['versions'] }[],
  alpha: number,
): Validity {
  const strata = epochs.map(({ weights, evidence }) => ({
    weights: versions.map(version => weights[version] ?? 0),
    counts: versions.map(version => evidence[version]?.newUnits ?? 0),
  }))
  const { numbers, alarm } = checkRatio(strata, alpha)
  const of = (count: 'unitsServed' | 'unitsShared') =>
    sum(epochs, ({ evidence }) => sum(versions, version => evidence[version]?.[count] ?? 0))
  const reason = alarm ?? sharingAlarm({ units: of('unitsServed'), shared: of('unitsShared') })
  return reason === null
    ? { verdict: 'pass', reason: 'sample ratio and units in order', ...numbers }
    : { verdict: 'invalid', reason, ...numbers }
}

/** Within an epoch a unit has one version; one that meets two is counted for both and blurs their difference. */
function sharingAlarm({ units, shared }: { units: number; shared: number }): string | null {
  const { severalVersionsShareMax, severalVersionsUnitsMin } = limits
  if (shared < severalVersionsUnitsMin || shared <= units * severalVersionsShareMax) return null
  return `${shared} of ${units} units were served by several versions at the same weights, more than ${percent(severalVersionsShareMax)}: is the unit key what a caller keeps?`
}

function checkRatio(strata: readonly RatioStratum[], alpha: number) {
  const ratio = sampleRatio({ strata, alpha })
  if (!ratio.ok) return { numbers: { logEvidence: null, observed: [], expected: [] }, alarm: null }
  const { logEvidence, observed, expected } = ratio
  const rounded = expected.map(count => count.toFixed(0))
  const alarm = ratio.alarm
    ? `sample ratio mismatch: ${observed.join(' and ')} units where ${rounded.join(' and ')} were expected`
    : null
  return { numbers: { logEvidence, observed, expected }, alarm }
}

/** What two versions need beyond a right split: labels alike, and a control that works. */
export function checkPair(
  sides: Sides,
  pairs: readonly Pair[],
  look: { alphas: ValidityAlphas; numbers: Pick<Validity, 'logEvidence' | 'observed' | 'expected'> },
): Validity {
  const { alphas } = look
  // Of a whole verdict on the split these alone: its own verdict is not that of the pair.
  const { logEvidence, observed, expected } = look.numbers
  const numbers = { logEvidence, observed, expected }
  const labels = coverageOf(sides, pairs, alphas)
  if (labels?.alarm === true) return { verdict: 'invalid', reason: labels.reason, ...numbers, coverage: labels.numbers }
  const requests = sum(pairs, pair => pair.stable.requests)
  const errors = sum(pairs, pair => pair.stable.errors)
  if (requests >= stableErrorTrialsMin && errors / requests > stableErrorRateMax) {
    const reason = `control broken too: ${sides.stable} failed ${errors} of ${requests} requests`
    return { verdict: 'invalid', reason, ...numbers }
  }
  return {
    verdict: 'pass',
    reason:
      pairs.length > 0 && pairs.every(({ share }) => share === null)
        ? unsplit
        : 'sample ratio, labels and control in order',
    ...numbers,
    coverage: labels?.numbers ?? null,
  }
}

/** Versions whose predictions get labels at different rates are judged on different samples. */
function coverageOf(sides: Sides, pairs: readonly Pair[], { coverage: alpha, manyEpochs = false }: ValidityAlphas) {
  const of = (one: VersionEvidence) => ({ matured: one.matured, labelled: one.maturedLabelled })
  const candidate = coverage(pairs.map(pair => of(pair.candidate)))
  const stable = coverage(pairs.map(pair => of(pair.stable)))
  // Nobody labels anything: there is nothing to compare, and no check of labels can pass.
  if (alpha === undefined || !(candidate || stable)) return null
  const result = compareCoverage({ strata: coverageStrata(pairs, manyEpochs, of), alpha })
  if (!result.ok) return null
  const { alarm, logEvidence } = result
  const reason = `label coverage differs: ${percent(candidate)} of ${sides.candidate} against ${percent(stable)} of ${sides.stable} among matured predictions`
  return { alarm, reason, numbers: { logEvidence, candidate, stable } }
}

/** Of what has matured; null without any. */
export function coverage(all: readonly MaturedCounts[]): number | null {
  const matured = sum(all, one => one.matured)
  return matured === 0 ? null : sum(all, one => one.labelled) / matured
}

/**
 * By epoch, or by share where epochs are many: as many predictions as there are units. Some callers give labels and others
 * never do, so that all predictions of one tell hardly more than one of them: of equal versions whose callers made 20 each
 * every fifth release was taken for one that loses labels.
 */
export function coverageStrata(
  pairs: readonly Pair[],
  manyEpochs: boolean,
  of: (one: VersionEvidence) => MaturedCounts,
): { candidate: MaturedCounts; stable: MaturedCounts }[] {
  const counts = (one: VersionEvidence): Counts => ({ trials: of(one).matured, events: of(one).labelled })
  const counted = pairs.map(({ epoch, share, candidate, stable }) => ({
    epoch,
    share,
    candidate: counts(candidate),
    stable: counts(stable),
  }))
  const weight = unitsPerRequest(pairs)
  const weighted = ({ trials, events }: Counts): MaturedCounts => ({
    matured: Math.round(trials * weight),
    labelled: Math.round(events * weight),
  })
  const strata = manyEpochs ? byShare(counted) : counted
  return strata.map(({ candidate, stable }) => ({ candidate: weighted(candidate), stable: weighted(stable) }))
}

/**
 * Over all epochs, since units come back in later ones; 1 where every request is a unit of its own, and where units are not
 * known. Those that an earlier stage met are new to no epoch of this one, but one epoch alone has that many.
 */
function unitsPerRequest(pairs: readonly Pair[]): number {
  const both = (of: (one: VersionEvidence) => number) => pairs.map(pair => of(pair.candidate) + of(pair.stable))
  const met = sum(
    both(one => one.unitsMet),
    units => units,
  )
  const units = Math.max(met, ...both(one => one.unitsServed))
  const requests = sum(
    both(one => one.requests),
    count => count,
  )
  return units === 0 || requests === 0 ? 1 : Math.min(1, units / requests)
}
