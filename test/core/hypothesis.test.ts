import { describe, expect, it } from 'vitest'
import { hypothesisOf } from '../../src/core/hypothesis.ts'
import type { AbTestPlan, Baseline } from '../../src/core/stage-plans.ts'
import { normalQuantile } from '../../src/stats/numerics/special.ts'
import { abTestPlan, conversion, improvement, two } from '../support/ab-tests.ts'

const baseline: Baseline = { n: 5_000, mean: 0.1, variance: 0.09, perDay: 10_000 }
/** Values of units that are no zeros and ones. */
const amounts = { variance: 0.04 }
const planned = (plan: AbTestPlan, over: Partial<Baseline> = {}) =>
  hypothesisOf(plan, 'v1', { known: true, baseline: { ...baseline, ...over } })
const fixed = (over: Partial<AbTestPlan> = {}) => abTestPlan({ mode: 'fixed', ...over })
const z = (tail: number) => -normalQuantile(tail)

describe('a hypothesis', () => {
  it('of a fixed test takes the sample of the one-sided test at its minimum effect', () => {
    // 2 % of 0.1 is 0.002; each version needs (z_0.05 + z_0.2)^2 2 (0.04) / 0.002^2.
    const perVersion = Math.ceil(((z(0.05) + z(0.2)) ** 2 * 2 * 0.04) / 0.002 ** 2)
    expect(planned(fixed(), amounts)).toEqual({
      baseline: { ...baseline, ...amounts },
      needed: { v1: perVersion, v2: perVersion },
      days: expect.closeTo(perVersion / 5_000, 9),
      unknown: null,
    })
  })

  it('takes a part of a day where there is traffic enough', () => {
    const [few, many] = [planned(fixed()), planned(fixed(), { perDay: 10_000_000 })]
    expect(many.days).toBeCloseTo((few.days ?? 0) / 1_000, 9)
  })

  it('of a sequential test takes more, for its boundary', () => {
    const [once, always] = [planned(fixed()).needed?.['v2'] ?? 0, planned(abTestPlan()).needed?.['v2'] ?? 0]
    expect(always / once).toBeGreaterThan(1.5)
    expect(always / once).toBeLessThan(2.5)
  })

  it('shares alpha among variants and reckons with unequal shares', () => {
    const { needed, days } = planned(fixed(two), amounts)
    const [small, great] = [0.4, 0.6]
    const control = (ratio: number) => Math.ceil(((z(0.025) + z(0.2)) ** 2 * 0.04 * (1 + 1 / ratio)) / 0.002 ** 2)
    // The control must be enough for the comparison that needs more of it.
    expect(needed?.['v1']).toBe(control(small))
    expect(needed?.['v2']).toBe(Math.ceil(((z(0.025) + z(0.2)) ** 2 * 0.04 * (small + 1)) / 0.002 ** 2))
    expect(needed?.['v3']).toBe(Math.ceil(((z(0.025) + z(0.2)) ** 2 * 0.04 * (great + 1)) / 0.002 ** 2))
    // The variant that takes longest takes a unit more or less.
    expect(days).toBeCloseTo(control(small) / 5_000, 2)
  })

  it('of a share by row plans with two shares, in the direction that is better', () => {
    const decrease = { kind: 'improve', direction: 'decrease', minimumEffect: 0.01 } as const
    const goal = improvement({ metric: 'error-rate', measure: { kind: 'error-rate' }, goal: decrease })
    const { needed } = planned(fixed({ goal }))
    expect(needed?.['v2']).toBe(Math.ceil(((z(0.05) + z(0.2)) ** 2 * (0.09 + 0.09 * 0.91)) / 0.01 ** 2))
    const impossible = { ...decrease, minimumEffect: 0.2 }
    expect(planned(fixed({ goal: { ...goal, goal: impossible } }))).toMatchObject({
      needed: null,
      unknown: expect.stringContaining('greater than what could be gained'),
    })
  })

  describe('of a share by unit', () => {
    const converted = (minimumEffect: number) =>
      improvement({
        metric: 'converted',
        measure: { kind: 'metric', spec: { type: 'rate', of: { from: 'reward' }, unitLevel: true }, scale: 'absolute' },
        goal: { kind: 'improve', direction: 'increase', minimumEffect },
      })

    it('reckons with rare events that vary more where they rise', () => {
      const found = planned(fixed({ goal: converted(0.1) })).needed?.['v2']
      expect(found).toBe(Math.ceil(((z(0.05) + z(0.2)) ** 2 * (0.09 + 0.16)) / 0.1 ** 2))
    })

    it('is known by its values too', () => {
      const goal = improvement({
        measure: { kind: 'metric', spec: { type: 'mean', of: { from: 'reward' }, unitLevel: true }, scale: 'absolute' },
        goal: { kind: 'improve', direction: 'increase', minimumEffect: 0.95 },
      })
      expect(planned(fixed({ goal })).needed).toBeNull()
      expect(planned(fixed({ goal }), { variance: 0.3 }).needed).not.toBeNull()
    })

    it('is planned alike whether it is declared a rate or a mean of zeros and ones', () => {
      const goal = improvement({
        measure: { kind: 'metric', spec: { type: 'mean', of: { from: 'reward' }, unitLevel: true }, scale: 'absolute' },
        goal: { kind: 'improve', direction: 'increase', minimumEffect: 0.1 },
      })
      expect(planned(fixed({ goal })).needed).toEqual(planned(fixed({ goal: converted(0.1) })).needed)
      expect(planned(abTestPlan({ goal })).needed).toEqual(planned(abTestPlan({ goal: converted(0.1) })).needed)
    })

    it('is not planned for more than all of them', () => {
      expect(planned(fixed({ goal: converted(0.95) }))).toMatchObject({
        needed: null,
        unknown: expect.stringContaining('the minimum effect takes converted from 0.1 to 1.05'),
      })
    })
  })

  it('as a share of a mean that is not above 0 cannot be planned', () => {
    expect(planned(fixed(), { mean: -10 })).toMatchObject({
      needed: null,
      unknown: 'a relative goal needs a mean above 0; it was -10',
    })
  })

  it('of no harm plans for a margin, not for an effect', () => {
    const goal = improvement({
      measure: { kind: 'metric', spec: conversion, scale: 'absolute' },
      margin: 0.01,
      goal: { kind: 'no-worse' },
    })
    expect(planned(fixed({ goal })).needed?.['v1']).toBe(Math.ceil(((z(0.05) + z(0.2)) ** 2 * 0.18) / 0.01 ** 2))
  })

  it('asks for no fewer than the comparison can be made with', () => {
    expect(planned(fixed(), { mean: 100, variance: 1 }).needed).toEqual({ v1: 100, v2: 100 })
    const goal = improvement({ minEvents: 400 })
    expect(planned(fixed({ goal }), { mean: 100, variance: 1 }).needed).toEqual({ v1: 400, v2: 400 })
  })

  it('says what is not known and why', () => {
    expect(hypothesisOf(abTestPlan(), 'v1', { known: false, reason: 'nothing was recorded' })).toEqual({
      baseline: null,
      needed: null,
      days: null,
      unknown: 'nothing was recorded',
    })
    expect(planned(fixed(), { variance: 0 })).toMatchObject({ needed: null, unknown: expect.stringContaining('alike') })
    expect(planned(fixed(), { perDay: null })).toMatchObject({
      days: null,
      unknown: expect.stringContaining('traffic'),
    })
    expect(planned(fixed(), { perDay: 1 })).toMatchObject({ days: null, unknown: expect.stringContaining('3653 days') })
  })
})
