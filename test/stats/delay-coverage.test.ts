import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CoverageStratum, compareCoverage } from '../../src/stats/delay/coverage.ts'
import { compareProportions } from '../../src/stats/sequential/compare-proportions.ts'
import { allFinite, expectClose, numbers, refusal, uniforms } from './support.ts'

const alpha = 0.001

function stratum(candidate: [labelled: number, matured: number], stable: [labelled: number, matured: number]) {
  return {
    candidate: { labelled: candidate[0], matured: candidate[1] },
    stable: { labelled: stable[0], matured: stable[1] },
  }
}

describe('a difference of coverage', () => {
  test('alarms when a version loses labels, in either direction', () => {
    const loses = [stratum([480, 1000], [5400, 9000])]
    const gains = [stratum([720, 1000], [5400, 9000])]
    expect(numbers(compareCoverage({ strata: loses, alpha }))).toMatchObject({
      alarm: true,
      candidateCoverage: 0.48,
      stableCoverage: 0.6,
    })
    expect(numbers(compareCoverage({ strata: gains, alpha })).alarm).toBe(true)
  })

  test('does not alarm when coverage changes for both', () => {
    const strata = [stratum([60, 100], [5900, 9900]), stratum([100, 1000], [850, 9000]), stratum([0, 300], [0, 300])]
    expect(numbers(compareCoverage({ strata, alpha })).alarm).toBe(false)
  })

  test('is the comparison of the missing labels, both ways at half the alpha', () => {
    const strata = [stratum([50, 100], [700, 900]), stratum([250, 500], [300, 500])]
    const ours = numbers(compareCoverage({ strata, alpha: 0.05 }))
    const missing = [
      { candidate: { events: 50, trials: 100 }, stable: { events: 200, trials: 900 } },
      { candidate: { events: 250, trials: 500 }, stable: { events: 200, trials: 500 } },
    ]
    const theirs = numbers(compareProportions({ strata: missing, margin: 0, alpha: 0.025 }))
    expect(ours.logEvidence).toBe(theirs.logEvidenceAbove)
    expect(ours.threshold).toBe(Math.log(40))
    expect(ours.difference).toEqual({ estimate: -theirs.estimate, lower: -theirs.upper, upper: -theirs.lower })
    expectClose(ours.logPValue, Math.log(2) - theirs.logEvidenceAbove, 1e-12)
  })

  test('keeps a p value where it underflows', () => {
    const result = numbers(compareCoverage({ strata: [stratum([0, 100_000_000], [1e8, 1e8])], alpha }))
    expect(result).toMatchObject({ alarm: true, pValueAlwaysValid: 0 })
    expect(result.logPValue).toBeLessThan(-1e7)
    expect(allFinite(result)).toBe(true)
  })

  const side = fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1000 })).map(([a, b]) => ({
    labelled: Math.min(a, b),
    matured: Math.max(a, b, 1),
  }))
  const strata = fc.array(fc.record({ candidate: side, stable: side }), { minLength: 1, maxLength: 4 })

  test('is the same with the versions swapped, but for its sign', () => {
    fc.assert(
      fc.property(strata, some => {
        const one = numbers(compareCoverage({ strata: some, alpha }))
        const swapped = some.map(({ candidate, stable }) => ({ candidate: stable, stable: candidate }))
        const other = numbers(compareCoverage({ strata: swapped, alpha }))
        expect(allFinite(one)).toBe(true)
        expectClose(one.logEvidence, other.logEvidence, 1e-9)
        expectClose(one.difference.lower, 0 - other.difference.upper, 1e-6)
        expect(one.alarm).toBe(other.alarm)
      }),
    )
  })

  test('is excluded by its limits when it alarms, in one stratum', () => {
    fc.assert(
      fc.property(side, side, (candidate, stable) => {
        const { alarm, difference, logEvidence, threshold } = numbers(
          compareCoverage({ strata: [{ candidate, stable }], alpha: 0.05 }),
        )
        if (Math.abs(logEvidence - threshold) < 1e-6) return
        expect(alarm).toBe(difference.lower > 0 || difference.upper < 0)
      }),
    )
  })
})

describe('what has no coverage to compare', () => {
  test.each<[string, CoverageStratum[], number, string]>([
    ['no epochs', [], alpha, 'insufficient'],
    ['nothing matured of the candidate', [stratum([0, 0], [5, 9])], alpha, 'insufficient'],
    ['more labelled than matured', [stratum([2, 1], [5, 9])], alpha, 'invalid'],
    ['a negative count', [stratum([-1, 1], [5, 9])], alpha, 'invalid'],
    ['half a prediction', [stratum([1, 1.5], [5, 9])], alpha, 'invalid'],
    ['an alpha of 0', [stratum([1, 1], [5, 9])], 0, 'invalid'],
  ])('is refused: %s', (_name, strata, level, kind) => {
    expect(refusal(compareCoverage({ strata, alpha: level })).kind).toBe(kind)
  })
})

/** A ramp whose labels take as long as its steps: most of what the candidate answered is young. */
type Ramp = { readonly candidateCoverage: number; readonly seed: number }

const stepMs = 1000
const weights = [0.01, 0.05, 0.25, 0.5]
const windowMs = 1500
const requestsPerStep = 4000

type Row = { epoch: number; isCandidate: boolean; atMs: number; labelledAtMs: number }

function rowsOf({ candidateCoverage, seed }: Ramp): Row[] {
  const random = uniforms(seed)
  return Array.from({ length: weights.length * requestsPerStep }, (_, index): Row => {
    const epoch = Math.floor(index / requestsPerStep)
    const isCandidate = random() < (weights[epoch] ?? 0)
    const atMs = (index / requestsPerStep) * stepMs
    const isLabelled = random() < (isCandidate ? candidateCoverage : 0.6)
    const delayMs = isLabelled ? -600 * Math.log(1 - random()) : Number.POSITIVE_INFINITY
    return { epoch, isCandidate, atMs, labelledAtMs: atMs + delayMs }
  })
}

/** Counts at a time: of matured predictions, or of all, the young as unlabelled. */
function countsAt(rows: readonly Row[], nowMs: number, ageMs: number): CoverageStratum[] {
  const strata = weights.map(() => stratum([0, 0], [0, 0]))
  for (const { epoch, isCandidate, atMs, labelledAtMs } of rows) {
    if (atMs + ageMs > nowMs) continue
    const counts = strata[epoch]?.[isCandidate ? 'candidate' : 'stable']
    if (counts === undefined) continue
    counts.matured += 1
    if (labelledAtMs <= (ageMs === 0 ? nowMs : atMs + ageMs)) counts.labelled += 1
  }
  return strata
}

function pooled(strata: readonly CoverageStratum[]): CoverageStratum[] {
  const sum = (role: 'candidate' | 'stable', key: 'labelled' | 'matured') =>
    strata.reduce((total, one) => total + one[role][key], 0)
  return [
    stratum(
      [sum('candidate', 'labelled'), sum('candidate', 'matured')],
      [sum('stable', 'labelled'), sum('stable', 'matured')],
    ),
  ]
}

const looks = Array.from({ length: 30 }, (_, look) => 200 * (look + 1))

function alarms(ramp: Ramp, countsOf: (rows: readonly Row[], nowMs: number) => CoverageStratum[], level: number) {
  const rows = rowsOf(ramp)
  return looks.some(nowMs => {
    const result = compareCoverage({ strata: countsOf(rows, nowMs), alpha: level })
    return result.ok && result.alarm
  })
}

describe('with slow labels and weights that ramp up, looked at throughout', () => {
  const matured = (rows: readonly Row[], nowMs: number) => countsAt(rows, nowMs, windowMs)

  test('equal versions seldom alarm', () => {
    const runs = 40
    let count = 0
    for (let seed = 1; seed <= runs; seed += 1) if (alarms({ candidateCoverage: 0.6, seed }, matured, 0.1)) count += 1
    expect(count / runs).toBeLessThanOrEqual(0.1)
  })

  test('a candidate that loses a fifth of its labels alarms every time', () => {
    for (let seed = 1; seed <= 20; seed += 1)
      expect(alarms({ candidateCoverage: 0.48, seed }, matured, alpha)).toBe(true)
  })

  test('equal versions would alarm every time if the young were pooled in as unlabelled', () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const naive = (rows: readonly Row[], nowMs: number) => pooled(countsAt(rows, nowMs, 0))
      expect(alarms({ candidateCoverage: 0.6, seed }, naive, alpha)).toBe(true)
    }
  })
})
