import { describe, expect, it } from 'vitest'
import {
  alpha,
  formScenario,
  meanScenario,
  pairedValueScenario,
  pairScenario,
  ramp,
  rateScenario,
  unitScenario,
  unitSpec,
} from '../../bench/judge-simulations/builders.ts'
import { boundOf, frequenciesOf, type Scenario, simulate } from '../../bench/judge-simulations/simulation.ts'
import { UnitTally, unitRows } from '../../bench/judge-simulations/units.ts'
import type { MetricEvidence } from '../../src/core/evidence.ts'
import { UnitMetric } from '../../src/evidence/unit-metric.ts'
import { drawNormal, type Random, randomFrom } from '../../src/stats/numerics/random.ts'
import { compareProportions } from '../../src/stats/sequential/compare-proportions.ts'

const exponential = (random: Random) => -Math.log(1 - random.next())

describe('false alarms of the judge, looked at while observations come', () => {
  const alike: readonly Scenario[] = [
    rateScenario('an error rate of 4 %, a ramp and a drifting base', {
      rate: (_, time) => 0.02 + 0.04 * time,
      shares: ramp,
      observations: 4_000,
    }),
    rateScenario('an accuracy whose labels come late', {
      rate: () => 0.1,
      counted: 'wrong',
      shares: [0.2, 0.5],
      observations: 1_500,
      delay: (_, random) => 400 * exponential(random),
    }),
    meanScenario('a mean of skewed values', {
      value: (_arm, _time, random) => exponential(random),
      shares: [0.05, 0.5],
      observations: 3_000,
    }),
    pairScenario('wrong answers on the same requests', { discordance: time => 0.05 + 0.2 * time, observations: 2_000 }),
    pairScenario('errors on the same requests, worse by just the margin', {
      counted: 'errors',
      discordance: () => 0.04,
      margin: 0.01,
      observations: 2_000,
    }),
    pairedValueScenario('values on the same requests', {
      pair: random => ({ candidate: exponential(random), stable: exponential(random) }),
      observations: 600,
    }),
    unitScenario('a mean by unit, whose units return', { units: 400, observations: 3_000, shares: [0.1, 0.3, 0.5] }),
  ]

  it.each(alike)('$name: as rare as alpha says', scenario => {
    const { runs, guardrail, goal } = frequenciesOf(scenario, 40)
    expect(guardrail / runs).toBeLessThanOrEqual(boundOf(alpha, runs))
    expect(goal / runs).toBeLessThanOrEqual(boundOf(alpha, runs))
  })

  it('units that return would fool a plain test by row', () => {
    const { runs, plain } = frequenciesOf(unitScenario('', { units: 400, observations: 4_000, shares: [0.1, 0.5] }), 30)
    expect(plain / runs).toBeGreaterThan(0.3)
  })
})

describe('the simulations themselves', () => {
  const different: readonly Scenario[] = [
    rateScenario('a rate', {
      rate: arm => (arm === 'candidate' ? 0.5 : 0.1),
      shares: [0.1, 0.5],
      observations: 300,
    }),
    meanScenario('a mean', {
      value: (arm, _, random) => drawNormal(random) + (arm === 'candidate' ? 0.8 : 0),
      observations: 400,
    }),
    pairScenario('wrong answers on the same requests', { discordance: () => 0.3, excess: 0.2, observations: 300 }),
    pairedValueScenario('values on the same requests', {
      pair: random => {
        const stable = drawNormal(random)
        return { stable, candidate: stable + 0.3 + 0.5 * drawNormal(random) }
      },
      observations: 400,
    }),
    unitScenario('a mean by unit', { units: 300, observations: 700, shares: [0.4, 0.5], lift: 1.5 }),
    formScenario('a declared metric of another form', {
      spec: { type: 'rmse' },
      row: (arm, _, random) => [(drawNormal(random) * (arm === 'candidate' ? 2 : 1)) ** 2],
      observations: 400,
    }),
  ]

  it.each(different)('$name: the looks that are left out would have told nothing', scenario => {
    const course = simulate(scenario, 1, { allLooks: true })
    expect(course.guardrailAt ?? course.goalAt).not.toBeNull()
    expect(simulate(scenario, 1)).toEqual(course)
  })

  it('units are tallied as a server does it', () => {
    const traffic = {
      units: 40,
      rowsMax: 20,
      observations: 300,
      shares: [0.2, 0.4, 0.5],
      metric: 'value',
      spec: unitSpec,
      effect: (_: number, random: Random) => drawNormal(random),
      noise: 0.5,
    }
    const tally = new UnitTally(traffic.units, 6)
    const metric = new UnitMetric(unitSpec, 1_000)
    const place = (group: number) => ({ epoch: 2 + Math.floor(group / 2), version: group % 2 === 0 ? 'v1' : 'v2' })
    for (const row of unitRows(traffic, randomFrom(5))) {
      tally.add(row)
      metric.add({ ...place(row.group), unit: `u${row.unit}` }, [row.value])
    }
    for (let group = 0; group < 6; group += 1) {
      const [found, expected] = [tally.read(group), metric.read(place(group))].map(numbersOf)
      expect(found).toEqual(expected)
    }
  })
})

/** To ten digits after the point, in one order. */
function numbersOf(evidence: MetricEvidence | null) {
  if (evidence?.form !== 'moments') throw new Error('moments were expected')
  const rounded = (value: number | undefined) => Number((value ?? 0).toFixed(10)) + 0
  const { moments, shared } = evidence
  return {
    n: moments.n,
    mean: rounded(moments.mean[0]),
    variance: rounded(moments.covariance[0]?.[0]),
    shared: shared
      .map(({ epoch, version, units, products }) => `${epoch} ${version} ${units} ${rounded(products[0]?.[0])}`)
      .sort(),
  }
}

describe("Simpson's paradox: weights go from 5 to 50 % while the base rate drifts", () => {
  const rising = (time: number) => (time < 0.5 ? 0.02 : 0.1)
  const falling = (time: number) => rising(1 - time)
  const release = (base: (time: number) => number, harm: number) =>
    rateScenario('', {
      rate: (arm, time) => base(time) + (arm === 'candidate' ? harm : 0),
      shares: [0.05, 0.5],
      observations: 24_000,
    })
  const seeds = Array.from({ length: 5 }, (_, index) => index + 1)

  it('a base rate that rises makes an equal candidate look worse in pooled counts; no guardrail fails', () => {
    for (const seed of seeds) {
      const scenario = release(rising, 0)
      const pooled = pooledCounts(scenario, seed)
      expect(pooledZ(pooled)).toBeGreaterThan(5)
      expect(compareProportions({ strata: [pooled], margin: 0, alpha })).toMatchObject({ ok: true, crossed: true })
      expect(simulate(scenario, seed).guardrailAt).toBeNull()
    }
  })

  it('a base rate that falls makes an equal candidate look better in pooled counts; no goal passes', () => {
    for (const seed of seeds) {
      const scenario = release(falling, 0)
      const pooled = pooledCounts(scenario, seed)
      expect(pooledZ(pooled)).toBeLessThan(-5)
      expect(compareProportions({ strata: [pooled], margin: 0, alpha })).toMatchObject({ ok: true, shownBelow: true })
      expect(simulate(scenario, seed).goalAt).toBeNull()
    }
  })

  it('harm within the epochs of the size that the pooled counts pretend is found', () => {
    for (const seed of seeds) {
      const { candidate, stable } = pooledCounts(release(rising, 0), seed)
      const pretended = candidate.events / candidate.trials - stable.events / stable.trials
      expect(simulate(release(rising, pretended), seed).guardrailAt).not.toBeNull()
      expect(simulate(release(falling, pretended), seed).guardrailAt).not.toBeNull()
    }
  })

  it('harm that the drift hides from pooled counts is found', () => {
    for (const seed of seeds) {
      const scenario = release(falling, 0.025)
      expect(pooledZ(pooledCounts(scenario, seed))).toBeLessThan(0)
      expect(simulate(scenario, seed).guardrailAt).not.toBeNull()
    }
  })
})

type Counts = { trials: number; events: number }
type Pooled = { candidate: Counts; stable: Counts }

/** What a comparison sees that does not know of epochs. */
function pooledCounts({ open, observations }: Scenario, seed: number): Pooled {
  const stream = open(randomFrom(seed))
  for (let n = 0; n < observations; n += 1) stream.next()
  const pooled = { candidate: { trials: 0, events: 0 }, stable: { trials: 0, events: 0 } }
  for (const { versions } of stream.read()) {
    for (const [arm, version] of [
      ['candidate', 'v2'],
      ['stable', 'v1'],
    ] as const) {
      pooled[arm].trials += versions[version]?.requests ?? 0
      pooled[arm].events += versions[version]?.errors ?? 0
    }
  }
  return pooled
}

/** Of the usual test of two proportions. */
function pooledZ({ candidate, stable }: Pooled): number {
  const rate = (candidate.events + stable.events) / (candidate.trials + stable.trials)
  const variance = rate * (1 - rate) * (1 / candidate.trials + 1 / stable.trials)
  return (candidate.events / candidate.trials - stable.events / stable.trials) / Math.sqrt(variance)
}
