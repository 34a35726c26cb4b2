import { describe, expect, it } from 'vitest'
import { aaScenarios, powerScenarios } from '../../bench/ab-test/scenarios.ts'
import { alpha, boundOf, endingsOf, testPlan } from '../../bench/ab-test/simulation.ts'

/** As many as a test affords; `bench/ab-test-errors.ts` has the rest. */
const runs = 40

describe('equal versions, looked at after every unit', () => {
  it.each(aaScenarios(1_200))('$name: ship no more often than alpha says', scenario => {
    expect(endingsOf(scenario, runs).ship / runs).toBeLessThanOrEqual(boundOf(alpha, runs))
  })

  it('would ship far more often by a test for one look', () => {
    // A flat prior and a loss that nobody minds: a plain z test at 5 %, taken again and again.
    const plan = testPlan({ mode: 'bayesian', threshold: { loss: 1e9, chance: 0.95, prior: 1e6 } })
    const scenario = aaScenarios(1_200)[0]
    if (scenario === undefined) throw new Error('a scenario was expected')
    expect(endingsOf({ ...scenario, plan }, runs).ship / runs).toBeGreaterThan(boundOf(alpha, runs))
  })
})

describe('a version that is better by the planned effect', () => {
  it.each(powerScenarios.filter(({ name }) => name.includes('0.2') || name.startsWith('fixed')))(
    '$name: ships with the planned power',
    scenario => {
      expect(endingsOf(scenario, runs).ship / runs).toBeGreaterThanOrEqual(1 - boundOf(0.2, runs))
    },
  )
})
